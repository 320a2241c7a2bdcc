"""The nouns and the laws."""

"""Label maps: schemes, name tables, values, parts, alignment with the CT, DICOM SEG; and a writer."""

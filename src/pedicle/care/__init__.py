"""The care around the procedure: who is treated, gates, sedation, local anaesthetic, watching, going home."""

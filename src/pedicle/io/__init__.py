"""The outer formats, one file each: DICOM, NIfTI, NRRD, label schemes. Knows nouns, never steps."""

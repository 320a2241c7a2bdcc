"""DICOM CT: files, headers, series, strict geometry, Hounsfield units, pixels; and a writer."""

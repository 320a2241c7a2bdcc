"""X-ray angiographic images: written and read as DICOM XA, read as Enhanced XA, shown as PNG."""

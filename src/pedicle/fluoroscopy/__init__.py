"""Plan and view to a picture: what the beam meets on its way through the patient."""

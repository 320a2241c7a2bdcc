"""Spine to Plan: corridors, needles, skin entry, margins, C-arm angles."""

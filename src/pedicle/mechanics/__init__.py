"""Voxel finite elements of a vertebral body: stiffness, strength, before and after cement."""

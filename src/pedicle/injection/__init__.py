"""Bone, Trajectory, Cement -> Fill: what cement does in the body."""

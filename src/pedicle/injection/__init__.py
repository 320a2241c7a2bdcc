"""Cement into bone: delivery through the needle, flow, leaks."""

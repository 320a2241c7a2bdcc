"""Cement goes from paste to solid: conversion, heat, what heat does to tissue, when it is hard."""

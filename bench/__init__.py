"""Benchmarks: each measures both sides in one run, prints a ratio with its conditions, writes JSON and a plot.

None is a test, and none is compared with a figure from another machine or another day.
"""

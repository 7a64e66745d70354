"""The demonstration: every process of the whole loop on one machine, and an agent that trades through it.

Nothing in here is a stand-in: the processes are the commands a user would start.
"""

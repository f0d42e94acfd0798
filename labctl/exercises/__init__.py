"""Exercises of a lab: a task with its lesson, its checks, and what solves it.

``reader`` reads them and says everything that is wrong with them, ``steps`` applies what they
bring to a lab that is up. `labctl.work.proving` proves that each can be solved, and is not
solved already.
"""

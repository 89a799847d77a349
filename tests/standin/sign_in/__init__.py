"""Signing in: users, clients, sessions, and the grants that lead from one to the other."""

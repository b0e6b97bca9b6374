"""The science of wuyu: pure functions and estimators; no clock, no network, no database.

Rooms, from the ground up: `levels` and `standards`, `district`, `terrain`, `forecast`, `risk`, `rehearsal`,
`outlook`, `warning`, `plan`, `verification`. Import the room you need; importing the package loads nothing heavy.
"""

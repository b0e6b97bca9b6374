"""Builder of the bundled district ``data/erqi``: seeded, byte-reproducible, needs ``data/sources`` alone.

Run ``python -m data.builder`` from the root of the project. What is fact and what is synthetic is told in
``data/README.md``; every synthetic row says so itself.
"""

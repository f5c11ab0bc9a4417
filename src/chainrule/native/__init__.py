"""Layer 3: machine code for graphs: loop nests, matrix products, threads, a cache."""

"""The study's graph on a cluster, or on all GPUs and cores of one machine: submit, status, collect."""

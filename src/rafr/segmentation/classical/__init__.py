"""Segmentation without learning: threshold, atlas, supervoxels, and merging them over unbroken cortex."""

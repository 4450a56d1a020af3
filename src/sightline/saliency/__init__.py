"""Saliency maps: CAM and Grad-CAM, their variants, gradients, perturbation, and methods by name."""

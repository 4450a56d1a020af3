"""The networks: architectures, ImageNet weights, augmentation, training, checkpoints, weights files, device."""

"""The networks: architectures, ImageNet weights, augmentation, device, training steps, checkpoints."""

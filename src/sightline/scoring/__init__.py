"""`sightline score`: anyone's saliency maps against anyone's masks, without DVC."""

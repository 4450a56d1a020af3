"""The command of the stage; its code is sightline/stages/augment_preview.py."""

from sightline.stages.augment_preview import main
from sightline.study.errors import run_stage

if __name__ == "__main__":
    run_stage(main)

"""The command of the stage; its code is sightline/stages/train.py."""

from sightline.stages.train import main
from sightline.study.errors import run_stage

if __name__ == "__main__":
    run_stage(main)

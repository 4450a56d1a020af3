"""The command of the stage; its code is sightline/stages/families.py."""

from sightline.stages.families import main
from sightline.study.errors import run_stage

if __name__ == "__main__":
    run_stage(main)

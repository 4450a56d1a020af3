"""The command of the stage; its code is sightline/stages/subgroups.py."""

from sightline.stages.subgroups import main
from sightline.study.errors import run_stage

if __name__ == "__main__":
    run_stage(main)

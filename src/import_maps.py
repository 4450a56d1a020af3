"""The command of the stage; its code is sightline/stages/import_maps.py."""

from sightline.stages.import_maps import main
from sightline.study.errors import run_stage

if __name__ == "__main__":
    run_stage(main)

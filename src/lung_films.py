"""The command of the stage; its code is sightline/stages/lung_films.py."""

from sightline.stages.lung_films import main
from sightline.study.errors import run_stage

if __name__ == "__main__":
    run_stage(main)

# The default study on a CPU, by a user without rights and without a network; see docs/install.md
# docker build --tag sightline .
# docker run --name study --network none sightline && docker cp study:/studies/study/plots/report.html .
FROM python:3.12-slim

# git: a study is a repository
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -r /var/lib/apt/lists/*
# for pip: --extra-index-url and PyTorch's index of builds for the CPU, or --no-index where wheelhouse/ has all packages
ARG PIP_ARGUMENTS=""
# Versions are those of requirements.lock. The folder is mounted for this line alone, so the image has no copy of it.
RUN --mount=type=bind,target=/build,rw \
    sed -n 's/^\([A-Za-z0-9._-]*==[^\\]*\) *\\$/\1/p' /build/requirements.lock > /tmp/constraints.txt \
    && export PIP_NO_CACHE_DIR=1 PIP_CONSTRAINT=/tmp/constraints.txt PIP_FIND_LINKS=/build/wheelhouse \
    && pip install $PIP_ARGUMENTS setuptools \
    && pip install $PIP_ARGUMENTS --no-build-isolation "/build[train]" \
    && rm /tmp/constraints.txt \
    && useradd --uid 10001 --create-home sightline \
    && install --directory --owner sightline /studies

USER sightline
# for the study's first commit
ENV GIT_AUTHOR_NAME=sightline GIT_AUTHOR_EMAIL=sightline@localhost \
    GIT_COMMITTER_NAME=sightline GIT_COMMITTER_EMAIL=sightline@localhost
WORKDIR /studies
CMD ["sh", "-c", "sightline new study && cd study && dvc repro && sightline summary"]

"""The terms that a page uses, in the words of docs/glossary.md; a test compares the two."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sightline.report.html import terms

TERMS = {
    "film": "the X-ray as it was taken, with its border, letters and markers",
    "region": "the part of an image that one reader, or the readers together, consider diagnostic; "
    "empty where nothing is",
    "consensus": "the region that an image's annotations make by a rule",
    "saliency map": 'how much each place speaks for pneumonia, by one method; "map" for short',
    "feature grid": "the cells of the feature map from which a saliency map is read",
    "threshold": "the value at or above which a map is salient",
    "decision threshold": "the probability at or above which an image is called positive",
    "calibration": "whether images of probability p are positive in a share p of cases",
    "IoU": "intersection over union of the salient pixels and the region",
    "Pointing Game": "whether the map's maximum lies in the region",
    "chance": "the score of a map that knows nothing",
    "baseline": "a map made without knowledge of this patient's finding, which shows what a score is worth",
    "experts' prior": "the baseline that marks where experts mark other patients; it has not seen this patient, "
    "but their marks, so it is more than anatomy",
    "body": "the estimated outline of the patient, where lungs are unknown",
    "lift": "how far a model's mean lies above that of a named baseline, on the same images",
    "ladder": "baselines and models in order of one metric: context, not the bar",
    "human scale": "0: another patient's annotation; 1: a left-out reader",
    "contrast": "how much better maps score on their own patient's region than maps and regions of other patients do",
    "margin": 'the share of a left-out expert\'s contrast by which "as well as an expert" may fall short; '
    "a no lies below that share",
    "ceiling": "the region itself seen through a map's grid: the contrast that a perfect map of that grid has",
    "left-out expert": "a reader's mask against the consensus of the image's other readers",
    "power": "the share of studies like this one that find what is there",
    "interval": "the two ends between which a value lies at the stated level",
    "Holm": "the correction of p-values within a family of tests named beforehand",
    "shortcut": "something outside the lungs that betrays the label",
    "faithfulness": "whether a map shows what the network uses",
    "necessity": "how much more the logit falls without the region than without control regions",
    "sufficiency": "how much more of the logit the region alone gives than control regions",
    "control region": "a copy of the region elsewhere in the lungs that has about the same removed energy",
    "consistency": "whether a map and its score stay the same under perturbations, dropout draws and other seeds",
    "randomisation": "random weights from the top layer down, to see whether maps depend on the weights",
    "specification": "one choice each of layer, method, threshold rule, consensus rule and metric",
    "phantom": "the synthetic X-rays, lesions and readers, whose truth is known",
}


def _outside_scripts(page_html: str) -> Iterator[str]:
    """The page in pieces, without its scripts: the films are megabytes that nobody reads."""
    end = 0
    while (start := page_html.find("<script", end)) >= 0 and (stop := page_html.find("</script>", start)) >= 0:
        yield page_html[end:start]
        end = stop + len("</script>")
    yield page_html[end:]


def glossary(page_html: str) -> str:
    """The terms that occur in the text of `page_html`, in alphabetical order; empty where none does."""
    text = re.sub(r"<[^>]+>", " ", " ".join(_outside_scripts(page_html))).replace("&#x27;", "'")
    used = [term for term in TERMS if re.search(rf"\b{re.escape(term)}", text, re.IGNORECASE)]
    return terms([(term, TERMS[term]) for term in sorted(used, key=str.lower)])

"""Real DICOM files of pydicom and pydicom-data against plain NumPy; what is refused, and why; mutated files."""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dicom_films import content, film, written
from sightline.images.decode import decoded, read_film
from sightline.images.film_size import film_size

pydicom = pytest.importorskip("pydicom")
from pydicom.data import get_testdata_file  # noqa: E402
from pydicom.pixels import apply_modality_lut, apply_voi  # noqa: E402

SALT = b"a salt for tests, of 32 characters"


def real(name: str) -> Path:
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"{name}: pydicom-data is not installed")
    return Path(path)


def raw_words(path: Path) -> np.ndarray:
    """The stored values of an uncompressed 16-bit film: the bytes after its (7FE0,0010) OW, without pydicom."""
    data = path.read_bytes()
    header = pydicom.dcmread(path, stop_before_pixels=True)
    start = data.index(b"\xe0\x7f\x10\x00OW\0\0") + 12  # tag, VR, two bytes, and a length of four
    return np.frombuffer(data, "<u2", header.Rows * header.Columns, start).reshape(header.Rows, header.Columns)


def chest_by_hand(words: np.ndarray) -> np.ndarray:
    """RG1: 15 bits, MONOCHROME1, window 15,000, 30,000: PS3.3 C.11.2.1.2, then 1 minus it, then 8 bits."""
    values = words.astype(np.float64)
    gray = (values - 14999.5) / 29999 + 0.5
    gray = np.where(values <= 14999.5 - 29999 / 2, 0, np.where(values > 14999.5 + 29999 / 2, 1, gray))
    return np.rint(255 * (1 - gray)).astype(np.uint8)


def test_a_real_chest_bit_for_bit_and_a_positive() -> None:
    path = real("RG1_UNCR.dcm")
    found = decoded(path, 1955, 1841, False)
    np.testing.assert_array_equal(found, chest_by_hand(raw_words(path)))
    lung, spine = found[600:900, 350:600].mean(), found[600:900, 900:1000].mean()
    assert lung < spine - 40, "air is dark and bone is bright"
    assert film_size(path) == (1955, 1841)


def test_a_real_chest_in_four_encodings() -> None:
    """Reversible JPEG 2000 is its uncompressed film, and so is the irreversible one; the pairs differ by its loss."""
    small = {name: decoded(real(f"RG1_{name}.dcm"), 224, 224, False) for name in ("UNCR", "J2KR", "UNCI", "J2KI")}
    np.testing.assert_array_equal(small["UNCR"], small["J2KR"])
    np.testing.assert_array_equal(small["UNCI"], small["J2KI"])
    assert np.abs(small["UNCR"].astype(int) - small["UNCI"]).max() <= 1
    assert len(np.unique(small["UNCR"])) > 200
    raw = raw_words(real("RG1_UNCR.dcm")).astype(int) - raw_words(real("RG1_UNCI.dcm"))
    assert 0 < np.abs(raw).max() < 2**15 / 50, "the irreversible files are of other values"


def test_a_real_ten_bit_negative() -> None:
    """RG3: MONOCHROME1, 10 bits, window 550, 1,024."""
    path = real("RG3_UNCR.dcm")
    values = raw_words(path).astype(np.float64)
    gray = np.clip((values - 549.5) / 1023 + 0.5, 0, 1)
    np.testing.assert_array_equal(decoded(path, 1760, 1760, False), np.rint(255 * (1 - gray)).astype(np.uint8))


def test_real_modality_and_voi_luts() -> None:
    """mlut_18: signed, through a Modality LUT, then the film's range; vlut_04: 8 bits through a VOI LUT."""
    dataset = pydicom.dcmread(real("mlut_18.dcm"))
    item = dataset.ModalityLUTSequence[0]
    count, first, _ = item.LUTDescriptor
    entries = np.array(item.LUTData, float)
    bits = np.frombuffer(dataset.PixelData, "<i2").reshape(512, 512) & 0x0FFF
    values = np.where(bits >= 2048, bits - 4096, bits).astype(int)
    through = entries[np.clip(values - first, 0, (count or 65536) - 1)]
    expected = np.rint(255 * (through - through.min()) / np.ptp(through))
    np.testing.assert_array_equal(decoded(real("mlut_18.dcm"), 512, 512, False), expected)
    np.testing.assert_array_equal(through, apply_modality_lut(dataset.pixel_array, dataset))

    dataset = pydicom.dcmread(real("vlut_04.dcm"))
    item = dataset.VOILUTSequence[0]
    stored = np.frombuffer(dataset.PixelData, np.uint8).reshape(512, 512)
    bits = item.LUTDescriptor[2]
    expected = np.rint(255.0 * apply_voi(stored, dataset) / (2.0**bits - 1))
    np.testing.assert_array_equal(decoded(real("vlut_04.dcm"), 512, 512, False), expected)


def test_jpeg_ls_and_a_deflated_file() -> None:
    """pydicom's own decoding of its small files, without LUTs: values over their range."""
    for name in ("JPEGLSNearLossless_16.dcm", "JPEGLSNearLossless_08.dcm", "image_dfl.dcm"):
        dataset = pydicom.dcmread(real(name))
        values = dataset.pixel_array.astype(float)
        if "WindowCenter" in dataset:
            continue
        expected = np.rint(255 * (values - values.min()) / np.ptp(values))
        expected = 255 - expected if dataset.PhotometricInterpretation == "MONOCHROME1" else expected
        found = decoded(real(name), *values.shape, False)
        assert np.abs(found - expected).max() <= 1, name


PIXELS = np.arange(4096, dtype=np.uint16).reshape(64, 64)


def segmentation() -> Any:
    return film(PIXELS, SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4", Modality="SEG")


REFUSED = {
    "rtstruct": (film(PIXELS, SOPClassUID="1.2.840.10008.5.1.4.1.1.481.3", Modality="RTSTRUCT"), "millimetres"),
    "rtstruct by modality": (film(PIXELS, Modality="RTSTRUCT"), "an RTSTRUCT: its contours"),
    "seg": (segmentation(), "sightline annotate import"),
    "ct": (film(PIXELS, Modality="CT"), "no projection X-ray but CT"),
    "unknown modality": (film(PIXELS, Modality="DOEJANE"), "of another modality"),
    "frames": (film(PIXELS, NumberOfFrames=2), "of 2 frames; films have one"),
    "palette": (film(PIXELS, PhotometricInterpretation="PALETTE COLOR"), "palette colour"),
    "photometric": (film(PIXELS, PhotometricInterpretation="HSV"), "neither MONOCHROME1, MONOCHROME2 nor RGB"),
    "no pixels": (film(PIXELS, PixelData=None), "without pixel data"),
    "bits": (film(PIXELS.astype(np.uint32)), "32 bits per pixel"),
    "stored bits": (film(PIXELS, BitsStored=12, HighBit=3), "do not fit BitsAllocated"),
    "short": (film(PIXELS, PixelData=b"\0" * 100), "cannot be decoded: cut short"),
    "rows": (film(PIXELS, Rows=0), "0 x 64 pixels"),
    "huge": (film(PIXELS, Rows=65535, Columns=65535), "65535 x 65535 pixels"),
    "windows": (film(PIXELS, WindowCenter=[1, 2], WindowWidth=5), "2 WindowCenter and 1 WindowWidth"),
    "width": (film(PIXELS, WindowCenter=1, WindowWidth=0), "WindowWidth is too small"),
    "function": (film(PIXELS, WindowCenter=1, WindowWidth=9, VOILUTFunction="LOG"), "VOILUTFunction is not LINEAR"),
    "slope": (film(PIXELS, RescaleSlope=0, RescaleIntercept=0), "RescaleSlope is 0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_film_is_refused_with_its_reason(name: str) -> None:
    dataset, reason = REFUSED[name]
    with pytest.raises(ValueError, match=reason) as raised:
        read_film(content(dataset), 64, 64, False, salt=SALT)
    assert "\n" not in str(raised.value)
    assert "DOE" not in str(raised.value)


def test_a_palette_film_of_the_world_is_refused() -> None:
    with pytest.raises(ValueError, match="palette colour"):
        decoded(real("OT-PAL-8-face.dcm"), 64, 64, False)


def test_a_compression_without_a_decoder_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = importlib.import_module("pydicom.pixels").get_decoder("1.2.840.10008.1.2.4.81")
    monkeypatch.setattr(decoder, "_available", {})
    with pytest.raises(ValueError, match=r"JPEG-LS.*needs python-gdcm or pyjpegls; pip install 'sightline\[dicom\]'"):
        decoded(real("JPEGLSNearLossless_16.dcm"), 64, 64, False)


def test_a_missing_pydicom_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    dicom = content(film(PIXELS))
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(ValueError, match=r"^a DICOM file; to read it, pip install 'sightline\[dicom\]'$"):
        decoded(dicom, 64, 64, False)


def test_a_dicom_file_is_known_by_its_content(tmp_path: Path) -> None:
    """Without a suffix, without the preamble, and named .png; a PNG named .dcm is a PNG."""
    from PIL import Image

    dicom = content(film(PIXELS, BitsStored=12))
    expected = np.rint(255 * (PIXELS / 4095))
    for name, data in (("IM0001", dicom), ("film.png", dicom), ("bare.dcm", dicom[132:])):
        (tmp_path / name).write_bytes(data)
        np.testing.assert_array_equal(decoded(tmp_path / name, 64, 64, False), expected, err_msg=name)
        assert film_size(tmp_path / name) == (64, 64), name
    Image.fromarray(expected.astype(np.uint8)).save(tmp_path / "x.dcm", format="PNG")
    np.testing.assert_array_equal(decoded(tmp_path / "x.dcm", 64, 64, False), expected)
    (tmp_path / "text.dcm").write_text("patient,label\n")
    with pytest.raises(ValueError, match=r"^not an image$"):
        decoded(tmp_path / "text.dcm", 64, 64, False)
    assert film_size(tmp_path / "text.dcm") is None


def test_a_thousand_mutated_files_are_read_or_refused_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    """Bytes changed, cut out, put in and cut off, mostly in the header: ValueError or a film, and nothing printed."""
    rng = np.random.default_rng(1616)
    window = {"WindowCenter": 2000, "WindowWidth": 3000, "PatientName": "DOE^JANE", "PatientAge": "045Y"}
    small = np.arange(256, dtype=np.uint16).reshape(16, 16)
    sources = [
        content(film(small, BitsStored=12, PhotometricInterpretation="MONOCHROME1", **window)),
        content(film((small // 16).astype(np.uint8), PresentationLUTShape="INVERSE")),
        real("JPEGLSNearLossless_16.dcm").read_bytes(),
    ]
    start, films, words = time.perf_counter(), [], []
    for number in range(1000):
        data = bytearray(sources[number % len(sources)])
        end = len(data) if number % 4 == 0 else min(len(data), 900)
        for _ in range(int(rng.integers(1, 5))):
            place = int(rng.integers(132, end)) if number % 10 else int(rng.integers(0, end))
            kind = rng.integers(4)
            if kind == 0:
                data[place] = rng.integers(256)
            elif kind == 1:
                data[place] ^= 1 << int(rng.integers(8))
            elif kind == 2:
                del data[place : place + int(rng.integers(1, 9))]
            else:
                data[place:place] = rng.bytes(int(rng.integers(1, 9)))
            end = min(end, len(data))
        if number % 7 == 0:
            del data[int(rng.integers(len(data))) :]
        try:
            films.append(read_film(bytes(data), 16, 16, False, salt=SALT).pixels)
        except ValueError as error:
            words.append(str(error))
    assert {(pixels.shape, pixels.dtype) for pixels in films} == {((16, 16), np.dtype(np.uint8))}
    assert min(len(films), len(words)) > 100
    assert not [text for text in words if "\n" in text or "DOE" in text]
    assert time.perf_counter() - start < 60
    out, err = capfd.readouterr()
    assert "DOE" not in out + err
    assert "Traceback" not in err


def test_files_that_cannot_be_read_say_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No such file"):
        decoded(tmp_path / "none.dcm", 64, 64, False)
    path = written(tmp_path / "x.dcm", film(PIXELS))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ValueError, match="broken DICOM file"):
        decoded(path, 64, 64, False)

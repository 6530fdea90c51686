"""What `huggingface_hub` does when the network, the store or the right to a file fails in mid-download."""

import hashlib
from pathlib import Path

from checking import No, check, expect, leads_to, main, names_of, whole_text
from huggingface_hub import hf_hub_download

CALLS_MOST = 4


def fetch(given):
    """Return the file's digest."""
    found = hf_hub_download(given["repo"], given["path"], token=given["token"])
    return hashlib.sha256(Path(found).read_bytes()).hexdigest()


def in_one_call(name):
    """Return the check that one call ends well in spite of a fault."""

    def function(ground):
        given = ground["faults"][name]
        try:
            found = fetch(given)
        except Exception as error:
            raise No(whole_text(error)) from error
        expect(found, given["sha256"])

    function.__name__ = name.replace("-", "_")
    return check(function)


for _name in ("cut", "link-expired", "busy", "maintenance"):
    in_one_call(_name)


@check
def cut_next_call(ground):
    given = ground["faults"]["cut-next-call"]
    for number in range(CALLS_MOST):
        try:
            expect(fetch(given), given["sha256"])
        except No:
            raise
        except Exception as error:  # noqa: BLE001 - the next call is what is looked at
            last = error
        else:
            return f"whole at call {number + 1}"
    raise No(whole_text(last))


@check
def withdrawn_midway(ground):
    given = ground["faults"]["withdrawn-midway"]
    for number in range(CALLS_MOST):
        try:
            found = fetch(given)
        except Exception as error:  # noqa: BLE001 - a call that was cut tells nothing yet
            if "GatedRepoError" in names_of(error):
                leads_to(given["url"], str(error))
                expect(given["words"] in str(error), True, str(error))
                return f"at call {number + 1}"
            last = error
        else:
            raise No(f"the file came: {found}")
    raise No(whole_text(last))


if __name__ == "__main__":
    main()

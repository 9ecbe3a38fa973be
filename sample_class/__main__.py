"""Write the sample class's submissions: `python -m sample_class FOLDER`."""

import sys
from pathlib import Path

from sample_class.students import STUDENTS, hand_in

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    count = hand_in(Path(__file__).parent.parent, folder / "submitted")
    print(f"{count} notebooks of {len(STUDENTS)} students in {folder / 'submitted'}")

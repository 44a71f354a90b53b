"""`python -m mainstay.cli.with_parent COMMAND ...`: the command line, for a child that ends with its parent.

What a director has run beside it must not go on for nobody once the director is gone.
"""

from mainstay.cli.main import main
from mainstay.workspace.with_parent import end_with_parent

if __name__ == "__main__":
    end_with_parent()
    main()

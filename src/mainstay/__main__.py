"""Run the command line as `python -m mainstay`, for machines where the script is not on the path."""

if __name__ == "__main__":
    from mainstay.cli.main import main

    main()

"""What an operator governs by: cards, costs, and the story of what happened and why. Reads; decides nothing."""

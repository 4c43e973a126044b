"""What makes recipes run, so that the folder above holds nothing but their pages.

recipe.py says what a recipe is, examples.py what it can learn from, set_option.py reads `--set`,
prepare.py makes it ready and trains, run.py does so into a folder (folder.py) that holds all it
takes to know and redo the run.
"""

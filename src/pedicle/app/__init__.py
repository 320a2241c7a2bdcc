"""The doors: command line now; browser theatre and cohorts later."""

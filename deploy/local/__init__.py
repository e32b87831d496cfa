"""The whole system as plain processes of one machine, started and watched together.

`python -m deploy.local` plans what is to run, starts a supervisor of its own session and waits until all
answers. The supervisor (`supervise`) runs one keeper (`keeper`) a component, and a keeper starts its component
again when it dies. They tell each other what is so through small files in the run directory (`run_directory`).
"""

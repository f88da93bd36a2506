"""What the command `balanced-bc` does: one verb a file. Heavy libraries load when a verb is carried out."""

-- Documents that hold no invoice and need not: photos, tables, mail. They are kept as they are, and nothing is wrong with them.
ALTER TYPE document_state ADD VALUE 'kept' AFTER 'parsed';

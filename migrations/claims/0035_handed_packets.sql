-- The packet that a person is given with the text of a claim. What was handed over before has none.
ALTER TABLE claim_submissions ADD COLUMN packet_id uuid;

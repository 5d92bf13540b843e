-- Whom has been erased: what brings records back that were read before (a new epoch, a backup) is erased again by it. The fingerprint is
-- a SHA-256 of the contact centre, of what the customer was known by, and of that value.
{{create "erasures"}} (
    contact_center  LowCardinality(String),
    fingerprint     String,
    erased_at       DateTime64(3, 'UTC'),
    erased_by       String
) ENGINE = {{replacing "erasures" "erased_at"}}
ORDER BY (contact_center, fingerprint);
{{distributed "erasures" "contact_center"}}

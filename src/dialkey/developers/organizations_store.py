"""SQL of organizations and their people.

Whatever changes people starts with `TOUCH`, which holds the organization's row until the transaction ends, so that two
owners who act at once act one after the other.

`members.email` is from a time before accounts. A member who is an account has the account's id there: an address that
changes hands says nothing about who belongs to an organization.
"""

from __future__ import annotations

from dialkey.storage import Statement

# organizations

CREATE = Statement(
    "organizations.create",
    """INSERT INTO organizations (id, name, created_at, created_by, changed_at)
    SELECT :id, :name, :now, :account_id, :now
    WHERE (SELECT COUNT(*) FROM organizations WHERE created_by = :account_id) < :most""",
)
TOUCH = Statement(
    "organizations.touch", "UPDATE organizations SET changed_at = :now WHERE id = :id RETURNING id, name, deleted_at"
)
MINE = Statement(
    "organizations.mine",
    """SELECT o.id AS organization_id, o.name AS organization_name, o.verified_at, o.deleted_at, o.closes_at, m.role,
      (SELECT COUNT(*) FROM (SELECT 1 FROM notices n WHERE n.account_id = m.account_id AND n.organization_id = o.id
        AND n.read_at IS NULL AND n.expires_at > :now LIMIT 100) AS unread) AS unread
    FROM members m JOIN organizations o ON o.id = m.organization_id
    WHERE m.account_id = :account_id ORDER BY o.name, o.id LIMIT 200""",
)
OWN = Statement(
    "organizations.own",
    """SELECT o.id AS organization_id, o.name AS organization_name, o.verified_at, o.deleted_at, o.closes_at,
      NULL AS role, 0 AS unread
    FROM organizations o WHERE o.id = :id""",
)
RENAME = Statement(
    "organizations.rename",
    "UPDATE organizations SET name = :name, verified_at = NULL, changed_at = :now WHERE id = :id AND name <> :name",
)
CLOSE = Statement(
    "organizations.close",
    "UPDATE organizations SET deleted_at = :now, closes_at = :closes_at WHERE id = :id AND deleted_at IS NULL",
)
KEEP = Statement(
    "organizations.keep",
    """UPDATE organizations SET deleted_at = NULL, closes_at = NULL
    WHERE id = :id AND deleted_at IS NOT NULL AND closes_at > :now""",
)
COUNTS = Statement(
    "organizations.counts",
    """SELECT (SELECT COUNT(*) FROM members WHERE organization_id = :id AND account_id IS NOT NULL) AS members,
      (SELECT COUNT(*) FROM products WHERE organization_id = :id) AS products,
      (SELECT COUNT(*) FROM clients c JOIN products p ON p.id = c.product_id WHERE p.organization_id = :id) AS clients,
      (SELECT COUNT(*) FROM api_keys WHERE organization_id = :id AND revoked_at IS NULL) AS keys""",
)

# the end of an organization: what names people or opens anything goes, the rows that others refer to stay

CLOSED = Statement(
    "organizations.closed",
    """SELECT id FROM organizations WHERE closes_at IS NOT NULL AND closes_at <= :now AND name <> ''
    ORDER BY closes_at, id LIMIT 100""",
)
ANONYMISE = Statement(
    "organizations.anonymise",
    """UPDATE organizations SET name = '', verified_at = NULL, created_by = NULL
    WHERE id = :id AND closes_at IS NOT NULL AND closes_at <= :now AND name <> ''""",
)
DROP = (
    Statement("members.drop", "DELETE FROM members WHERE organization_id = :id"),
    Statement("invitations.drop", "DELETE FROM invitations WHERE organization_id = :id"),
    Statement("api_keys.drop", "DELETE FROM api_keys WHERE organization_id = :id"),
    Statement("notices.drop", "DELETE FROM notices WHERE organization_id = :id"),
    Statement(
        "webhook_secrets.drop",
        "DELETE FROM webhook_secrets WHERE webhook_id IN (SELECT id FROM webhooks WHERE organization_id = :id)",
    ),
    Statement("webhooks.drop", "DELETE FROM webhooks WHERE organization_id = :id"),
)
STOP = (
    Statement(
        "clients.drop_secrets",
        """UPDATE client_secrets SET revoked_at = :now WHERE revoked_at IS NULL AND client_id IN
        (SELECT c.id FROM clients c JOIN products p ON p.id = c.product_id WHERE p.organization_id = :id)""",
    ),
    Statement(
        "clients.drop",
        """UPDATE clients SET status = 'disabled', updated_at = :now WHERE status <> 'disabled' AND product_id IN
        (SELECT id FROM products WHERE organization_id = :id)""",
    ),
)

# members

ADD_MEMBER = Statement(
    "members.join",
    """INSERT INTO members (id, organization_id, email, account_id, role, created_at)
    VALUES (:id, :organization_id, :account_id, :account_id, :role, :now) ON CONFLICT DO NOTHING""",
)
_MEMBER = "m.id, m.account_id, m.role, m.created_at, a.name, a.email"
MEMBERS = Statement(
    "members.list",
    f"""SELECT {_MEMBER} FROM members m JOIN accounts a ON a.id = m.account_id AND a.closed_at IS NULL
    WHERE m.organization_id = :organization_id
    ORDER BY CASE m.role WHEN 'owner' THEN 0 WHEN 'developer' THEN 1 ELSE 2 END, a.name, m.id LIMIT 500""",
)
MEMBER = Statement(
    "members.find",
    f"""SELECT {_MEMBER} FROM members m JOIN accounts a ON a.id = m.account_id AND a.closed_at IS NULL
    WHERE m.id = :id AND m.organization_id = :organization_id""",
)
MEMBER_OF_ACCOUNT = Statement(
    "members.of_account",
    f"""SELECT {_MEMBER} FROM members m JOIN accounts a ON a.id = m.account_id AND a.closed_at IS NULL
    WHERE m.account_id = :account_id AND m.organization_id = :organization_id""",
)
_ANOTHER_OWNER = """EXISTS (SELECT 1 FROM members o JOIN accounts b ON b.id = o.account_id AND b.closed_at IS NULL
      WHERE o.organization_id = :organization_id AND o.role = 'owner' AND o.id <> :id)"""
SET_ROLE = Statement(
    "members.set_role",
    f"""UPDATE members SET role = :role WHERE id = :id AND organization_id = :organization_id
      AND (:role = 'owner' OR role <> 'owner' OR {_ANOTHER_OWNER})""",
)
REMOVE_MEMBER = Statement(
    "members.remove",
    f"""DELETE FROM members WHERE id = :id AND organization_id = :organization_id
      AND (role <> 'owner' OR {_ANOTHER_OWNER})""",
)
MEMBER_COUNT = Statement(
    "members.count", "SELECT COUNT(*) AS members FROM members WHERE organization_id = :organization_id"
)
OWNED_ALONE = Statement(
    "members.owned_alone",
    """SELECT o.id, o.name FROM members m JOIN organizations o ON o.id = m.organization_id
    WHERE m.account_id = :account_id AND m.role = 'owner' AND o.deleted_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM members n JOIN accounts b ON b.id = n.account_id AND b.closed_at IS NULL
        WHERE n.organization_id = o.id AND n.role = 'owner' AND n.account_id <> :account_id)
    ORDER BY o.name, o.id""",
)

# invitations

ADD_INVITATION = Statement(
    "invitations.add",
    """INSERT INTO invitations (id, organization_id, email, role, token_digest, invited_by, created_at, sent_at, sends,
      expires_at)
    VALUES (:id, :organization_id, :email, :role, :token_digest, :invited_by, :now, :now, 1, :expires_at)
    ON CONFLICT (organization_id, email) DO UPDATE SET id = excluded.id, role = excluded.role,
      token_digest = excluded.token_digest, invited_by = excluded.invited_by, created_at = excluded.created_at,
      sent_at = excluded.sent_at, sends = 1, expires_at = excluded.expires_at
    WHERE invitations.expires_at <= :now""",
)
INVITATIONS = Statement(
    "invitations.list",
    """SELECT i.id, i.email, i.role, i.sent_at, i.expires_at, COALESCE(a.name, '') AS invited_by
    FROM invitations i LEFT JOIN accounts a ON a.id = i.invited_by
    WHERE i.organization_id = :organization_id ORDER BY i.created_at DESC, i.id LIMIT 200""",
)
INVITATION = Statement(
    "invitations.find",
    "SELECT id, email, role, sent_at FROM invitations WHERE id = :id AND organization_id = :organization_id",
)
RESEND_INVITATION = Statement(
    "invitations.resend",
    """UPDATE invitations SET token_digest = :token_digest, invited_by = :invited_by, sent_at = :now, sends = sends + 1,
      expires_at = :expires_at
    WHERE id = :id AND organization_id = :organization_id AND sent_at <= :before""",
)
WITHDRAW_INVITATION = Statement(
    "invitations.withdraw", "DELETE FROM invitations WHERE id = :id AND organization_id = :organization_id"
)
WITHDRAW_INVITATIONS_OF = Statement(
    "invitations.withdraw_of",
    "DELETE FROM invitations WHERE organization_id = :organization_id AND invited_by = :account_id",
)
DROP_NOTICES_OF = Statement(
    "notices.drop_of", "DELETE FROM notices WHERE organization_id = :organization_id AND account_id = :account_id"
)
INVITATIONS_SENT = Statement(
    "invitations.sent",
    """SELECT COUNT(*) AS sent FROM audit_events
    WHERE organization_id = :organization_id AND at > :since AND tag IN ('member.invited', 'member.invited_again')""",
)
IS_MEMBER = Statement(
    "members.is_address",
    """SELECT m.id FROM members m JOIN accounts a ON a.id = m.account_id AND a.closed_at IS NULL
    WHERE m.organization_id = :organization_id AND a.email = :email""",
)
INVITED = Statement(
    "invitations.invited",
    """SELECT i.organization_id, o.name AS organization_name, i.role, i.expires_at, i.email,
      COALESCE(b.name, '') AS invited_by, CASE WHEN a.email = i.email THEN 1 ELSE 0 END AS mine
    FROM invitations i JOIN organizations o ON o.id = i.organization_id
    LEFT JOIN accounts b ON b.id = i.invited_by LEFT JOIN accounts a ON a.id = :account_id AND a.closed_at IS NULL
    WHERE i.token_digest = :token_digest AND i.expires_at > :now AND o.deleted_at IS NULL""",
)
SPEND_INVITATION = Statement(
    "invitations.spend",
    """DELETE FROM invitations WHERE token_digest = :token_digest AND expires_at > :now
      AND email = (SELECT a.email FROM accounts a WHERE a.id = :account_id AND a.closed_at IS NULL)
    RETURNING id, organization_id, role, invited_by""",
)

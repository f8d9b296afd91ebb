-- A client may always leave out where its code went when it redeems it (OAuth 2.1): the verifier binds the code.

ALTER TABLE oauth_codes DROP COLUMN redirect_uri_sent;

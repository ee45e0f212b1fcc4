<?php
// The start page offers the warehouse: this address fills in system, server, user and database; the password is asked for.
// Adminer and its Docker image load this file as a plugin; it needs none of their functions, only the names in the address.
if ($_SERVER["REQUEST_METHOD"] === "GET" && !$_GET) {
	// A cookie of the session that ends here would make the next page say that it has expired.
	header_remove("Set-Cookie");
	header("Location: ?" . http_build_query(array(
		"pgsql" => getenv("ADMINER_DEFAULT_SERVER"),
		"username" => "analyst",
		"db" => getenv("WAREHOUSE_DATABASE"),
		"ns" => "marts",
	)), true, 302);
	exit;
}

return new class {
};

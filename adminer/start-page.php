<?php
// Adminer and its Docker image load this file as a plugin; it needs none of their functions, only the names in addresses
// and in the login form.
//
// The start page offers the warehouse: its address fills in system, server, user and database; the password is asked for.
// Any other system or server is refused: who reaches this page must not reach, through it, what else the container does.
$server = getenv("ADMINER_DEFAULT_SERVER");

if ($_SERVER["REQUEST_METHOD"] === "GET" && !$_GET) {
	// A cookie of the session that ends here would make the next page say that it has expired.
	header_remove("Set-Cookie");
	header("Location: ?" . http_build_query(array(
		"pgsql" => $server,
		"username" => "analyst",
		"db" => getenv("WAREHOUSE_DATABASE"),
		"ns" => "marts",
	)), true, 302);
	exit;
}

// Without a name of a system Adminer would take MySQL.
$login = isset($_POST["auth"]) ? $_POST["auth"] : array("driver" => "pgsql", "server" => $server);
if (
	!isset($_GET["pgsql"], $login["driver"], $login["server"])
	|| $_GET["pgsql"] !== $server || $login["driver"] !== "pgsql" || $login["server"] !== $server
) {
	http_response_code(403);
	header("Content-Type: text/plain; charset=utf-8");
	exit("This page opens the PostgreSQL server $server and no other: begin at its start page.\n");
}

return new class {
};

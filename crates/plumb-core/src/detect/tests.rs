use super::*;
use plumb_model::yaml::{Files, Problems, Span};
use serde_json::json;

/// A text with a secret, and what is left of it.
const HIDDEN_IN_TEXTS: [(&str, &str); 37] = [
    ("--password=hunter22", "--password=(secret)"),
    ("--db-password=x", "--db-password=(secret)"),
    ("mysql --password hunter22 -h db", "mysql --password (secret) -h db"),
    ("curl -u x --api-token 7 s3://b", "curl -u x --api-token (secret) s3://b"),
    ("spark.hadoop.fs.s3a.secret.key=abc/def", "spark.hadoop.fs.s3a.secret.key=(secret)"),
    ("AWS_SECRET_ACCESS_KEY=wJalr run.sh", "AWS_SECRET_ACCESS_KEY=(secret) run.sh"),
    ("export PGPASSWORD='a b'; psql", "export PGPASSWORD='(secret)'; psql"),
    (r#"{"user": "etl", "apiKey": "k,1", "n": 1}"#, r#"{"user": "etl", "apiKey": "(secret)", "n": 1}"#),
    (r#"{\"password\": \"x y\"}"#, r#"{\"password\": \"(secret)\"}"#),
    (r#"{"secret":"hunter2","a":1}"#, r#"{"secret":"(secret)","a":1}"#),
    ("jdbc:postgresql://db/x?user=a&password=b&ssl=1", "jdbc:postgresql://db/x?user=a&password=(secret)&ssl=1"),
    ("jdbc:postgresql://u:hunter2@h/db", "jdbc:postgresql://u:(secret)@h/db"),
    ("postgres://etl:p%40ss@db:5432/x", "postgres://etl:(secret)@db:5432/x"),
    ("https://etl:hunter22@repo.example/x", "https://etl:(secret)@repo.example/x"),
    ("key is AKIAIOSFODNN7EXAMPLE ok", "key is (secret) ok"),
    ("ASIAIOSFODNN7EXAMPLE", "(secret)"),
    ("com.acme.AKIAIOSFODNN7EXAMPLE", "com.acme.(secret)"),
    ("job-AKIAIOSFODNN7EXAMPLE-x", "job-(secret)-x"),
    ("s3://b/ghp_0123456789abcdefghij0123456789abcdef/x", "s3://b/(secret)/x"),
    ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKE9", "(secret)"),
    ("x=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKE9", "x=(secret)"),
    ("ghp_0123456789abcdefghij0123456789abcdef", "(secret)"),
    ("token dapi0123456789abcdef0123456789abcdef-2 is bad", "token (secret) is bad"),
    ("xoxb-123456789012-abcdef, and on", "(secret), and on"),
    ("AIzaSyA1234567890abcdefghijklmnopqrstuv.", "(secret)."),
    ("eyJhbGciOi.eyJzdWIi.c2ln", "(secret)"),
    ("sk_live_0123456789abcdefghij", "(secret)"),
    ("glpat-0123456789abcdefghij", "(secret)"),
    ("-H 'Authorization: Bearer abc.def'", "-H 'Authorization: Bearer (secret)'"),
    ("Authorization: Basic ZXRsOmh1bnRlcjIyMjI=", "Authorization: Basic (secret)"),
    ("https://x.blob/y?sig=abc%3D&se=1", "https://x.blob/y?sig=(secret)&se=1"),
    ("https://b.s3/x?X-Amz-Signature=0a1b&x=1", "https://b.s3/x?X-Amz-Signature=(secret)&x=1"),
    ("a -----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY----- b", "a (secret) b"),
    ("-----BEGIN OPENSSH PRIVATE KEY-----\nx", "(secret)"),
    ("password: hunter22", "password: (secret)"),
    ("client_secret=8Q~x;tenant=1", "client_secret=(secret);tenant=1"),
    ("AccountKey=dGVzdA0123456789abcdefABCDEF0123456789ab==;x", "AccountKey=(secret);x"),
];

/// Texts that sound like secrets and are none. A pipeline needs each of them as it is.
const KEPT: [&str; 62] = [
    "--s3-key raw/x.csv",
    "--s3-key=raw/2026/10/Part-0001.csv",
    "--date-key 20240501",
    "--date-key=2024-05-01",
    "--business-key customer_id",
    "--business-key=customer_id,order_id",
    "--key customer_id",
    "--key=s3://acme/raw/x.csv",
    "key=2026/10/sales.parquet",
    "key=customerId",
    "--pass 2",
    "--pass=first",
    "--partition-key=customer_id",
    "--primary-key id",
    "--foreign-key order_id",
    "--surrogate-key sk_customer",
    "--join-keys a,b",
    "--sort-key event_time",
    "sort.key=ts",
    "--hash-key md5",
    "--account-key 4711",
    "--service-key on_time_delivery",
    "--key-column customer_key",
    "--keys a,b",
    "--token-count 512",
    "--max-tokens 4096",
    "--pad-token [PAD]",
    "--next-token 17",
    "--token-file=/mnt/token",
    "--secret-name=prod/db",
    "--secret-scope bau",
    "--secret arn:aws:secretsmanager:eu-central-1:1:secret:db",
    "arn:aws:secretsmanager:eu-central-1:1:secret:db-9xY2aB",
    "--password-file /etc/pw",
    "--private-key /home/hadoop/.ssh/id_rsa",
    "--auth kerberos",
    "--author bob",
    "--signature-column sig",
    "--credentials-provider com.acme.Provider",
    "spark.hadoop.fs.s3a.aws.credentials.provider=com.acme.Provider",
    "spark.sql.shuffle.partitions=800",
    "spark.kryo.registrator=com.acme.Tokens",
    "s3://acme-lake/gl/2026-10/",
    "s3://bucket/token/x.jar",
    "https://h:443/x",
    "https://user@host/x",
    "monkeys: 3",
    "a=b",
    "0123456789abcdef0123456789abcdef01234567",
    "550e8400-e29b-41d4-a716-446655440000",
    "DataWarehouse/Customer/Orders/Snapshot/12",
    "dapibus and dose-response",
    "a bearer of bad news, basic support",
    "the password: see the wiki",
    "token: ask Bob",
    "--password {{secrets/bau/db}}",
    "--password={{job.parameters.password}}",
    "--password=${DB_PASSWORD}",
    "--password $DB_PASSWORD",
    "password=(secret)",
    "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----",
    "é\u{1b}[31m",
];

#[test]
fn secrets_in_texts_are_found() {
    for (plain, shown) in HIDDEN_IN_TEXTS {
        assert_eq!(masked(plain), shown);
        assert_eq!(masked(shown), shown, "hiding twice changes nothing");
        assert!(holds_secret(plain), "{plain}");
    }
}

#[test]
fn what_only_sounds_like_a_secret_stays() {
    for plain in KEPT {
        assert_eq!(masked(plain), plain);
        // As arguments of their own, too.
        let words: Vec<&str> = plain.split(' ').collect();
        assert_eq!(masked_arguments(&words), words, "{plain}");
        assert!(taken(&words).iter().flatten().all(|_| plain.contains(HIDDEN)), "{plain}");
    }
}

#[test]
fn names_are_judged_as_a_whole() {
    for name in [
        "password",
        "--password",
        "DB_PASSWORD",
        "db.password",
        "dbPassword",
        "ConnectionPassword",
        "PGPASSWORD",
        "passwd",
        "passphrase",
        "DB_PASSWORD_PROD",
        "password2",
        "token",
        "--api-token",
        "apiToken",
        "access_token",
        "refresh-token",
        "GITHUB_TOKEN",
        "fs.s3a.session.token",
        "secret",
        "client_secret",
        "clientSecret",
        "api-key",
        "apikey",
        "X-API-KEY",
        "aws_secret_access_key",
        "secretKey",
        "fs.s3a.access.key",
        "private_key",
        "encryption_key",
        "db_pass",
        "mysql-pwd",
        "fs.azure.account.key.acme.dfs.core.windows.net",
        "spark.hadoop.fs.azure.account.oauth2.client.secret.acme.dfs.core.windows.net",
    ] {
        assert!(is_secret(name, "hunter2"), "{name}");
        assert!(is_credential(name), "{name}");
        for reference in ["", "{{secrets/a/b}}", "{{job.parameters.x}}", "${env.X}", "$X", "***", "true", "s3://a/b"] {
            assert!(!is_secret(name, reference), "{name}={reference}");
        }
    }
    for name in [
        "key",
        "pass",
        "s3_key",
        "date-key",
        "business_key",
        "sortKey",
        "key_column",
        "task_key",
        "job_cluster_key",
        "password_file",
        "secret_name",
        "token_url",
        "tokenizer",
        "max_tokens",
        "author",
        "account_key",
        "monkey",
        "name",
        "passenger",
        "compass",
        "secretary",
        "keystore",
    ] {
        assert!(!is_secret(name, "hunter2"), "{name}");
        assert!(!is_credential(name), "{name}");
    }
    // Where a name says little, the value has to be long and random.
    let random = "q9X2vLr7Tz0BmK4sWc8Y";
    for name in ["key", "account_key", "upload-token", "my_secret", "pass", "auth", "credentials"] {
        assert!(is_secret(name, random), "{name}");
        for plain in
            ["raw/2026/sales.csv", "customer_id", "20240501", "CustomerOrderSnapshotDaily", "2026-10-31T00:00:00"]
        {
            assert!(!is_secret(name, plain), "{name}={plain}");
        }
    }
    assert!(!is_secret("s3_key", random) && !is_secret("id", random));
}

/// What plans hide by name is wider, and every one of its words is needed.
#[test]
fn names_that_hide_in_plans() {
    for yes in [
        "spark.hadoop.fs.s3a.secret.key",
        "DB_PASSWORD",
        "DB_PASSWD",
        "api-token",
        "MySecret",
        "credentials",
        "fs.azure.account.key",
        "accessKey",
        "sort_key",
    ] {
        assert!(names_secret(yes), "{yes}");
    }
    for no in ["spark.sql.shuffle.partitions", "keystore.path", "monkeys", "name"] {
        assert!(!names_secret(no), "{no}");
    }
}

#[test]
fn arguments_are_told_by_the_option_before_them() {
    let shown = masked_arguments(&[
        "--password",
        "-x",
        "--token",
        "--verbose",
        "-u",
        "me:pw",
        "--key",
        "s3://a/b",
        "y",
        "--db-password",
        "12345",
    ]);
    assert_eq!(
        shown,
        [
            "--password",
            "(secret)",
            "--token",
            "--verbose",
            "-u",
            "me:(secret)",
            "--key",
            "s3://a/b",
            "y",
            "--db-password",
            "(secret)"
        ]
    );
    let names: Vec<Vec<String>> = taken(&[
        "--password",
        "x",
        "--url",
        "jdbc:a://h?password=(secret)&y=1",
        "(secret)",
        "--k",
        "AKIAIOSFODNN7EXAMPLE",
    ])
    .into_iter()
    .map(|spots| spots.into_iter().map(|spot| spot.name).collect())
    .collect();
    let none = Vec::<String>::new;
    assert_eq!(
        names,
        [
            none(),
            vec!["--password".into()],
            none(),
            vec!["password".into()],
            vec!["argument 5".into()],
            none(),
            vec!["--k".into()]
        ]
    );
}

#[test]
fn json_is_told_by_its_names_pairs_and_arguments() {
    let value = json!({
        "token": ["a", "b"], "pin": {"secret": 5, "x": "password=a"}, "args": ["--password", "x", "--s3-key", "y"],
        "tags": [{"Key": "db-password", "Value": "p"}, {"Key": "team", "Value": "bi"}],
        "parameters": [{"name": "api_token", "default": "t"}, {"name": "date_key", "default": "20240501"}],
        "use_password": true, "sort_key": "a", "n": 5,
    });
    let shown = json!({
        "token": [HIDDEN, HIDDEN], "pin": {"secret": HIDDEN, "x": "password=(secret)"},
        "args": ["--password", HIDDEN, "--s3-key", "y"],
        "tags": [{"Key": "db-password", "Value": HIDDEN}, {"Key": "team", "Value": "bi"}],
        "parameters": [{"name": "api_token", "default": HIDDEN}, {"name": "date_key", "default": "20240501"}],
        "use_password": true, "sort_key": "a", "n": 5,
    });
    assert_eq!(masked_json(&value), shown);
    assert_eq!(masked_json(&shown), shown);
    assert!(find("", &shown).is_empty());
    assert_eq!(masked_value("tags", "x"), "x");
    assert_eq!(masked_json(&json!({"--password=x": 1})), json!({"--password=(secret)": 1}));
}

#[test]
fn no_text_takes_long() {
    // Every one of these made a scan to the end of the text for each of its words once.
    for part in [
        "a=",
        "password=$",
        "token=\"",
        "-----BEGIN ",
        "://",
        "key=key=",
        "arn:secret:",
        "é",
        "--password ",
        "jdbc:oracle:",
        "hooks.slack.com/services/",
        "aGVsbG8h",
        "a/",
        "x9Q",
    ] {
        let text = part.repeat(50_000 / part.len());
        let spots = in_text(&text);
        assert!(spots.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start), "{part}");
    }
}

#[test]
fn places_in_manifests_are_found_and_masked() {
    let text = "spec:\n  a: [--password, s3cr3t]\n  token: 'it''s'\n  ok: ${env.X}\n  url: a://u:pw@h\n";
    let mut files = Files::default();
    let file = files.add("m.yaml", text);
    let found: Vec<(String, String, usize)> = places(&files, [file])
        .into_iter()
        .flat_map(|(_, places)| places)
        .map(|place| (place.path, text[place.span.start..place.span.end].to_owned(), files.position(place.span).0))
        .collect();
    assert_eq!(
        found,
        [
            ("spec.a[1]".to_owned(), "s3cr3t".to_owned(), 2),
            ("spec.token".to_owned(), "'it''s'".to_owned(), 3),
            ("spec.url".to_owned(), "pw".to_owned(), 5),
        ]
    );
    let mut problems = Problems::default();
    let start = text.find("s3cr3t").unwrap();
    problems.at(Span { file, start, end: start + 6 }, "`s3cr3t` is odd", "s3cr3t").help("not s3cr3t");
    let problems = problems.sorted();
    let clean = mask(&files, &problems).cleaned(&problems[0]);
    assert_eq!(
        (clean.message, clean.label, clean.help),
        ("`(secret)` is odd".into(), HIDDEN.into(), Some("not (secret)".into()))
    );
}

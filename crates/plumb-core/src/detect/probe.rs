//! Arguments of real pipelines: those that hold a secret and those that do not, all told apart, as they come from EMR
//! and as a translation takes them.

use super::{HIDDEN, in_arguments, instead, masked, masked_arguments, taken};

/// Arguments without a secret.
pub(super) const PLAIN: [&[&str]; 84] = [
    // Columns and parts.
    &["--s3-key", "raw/x.csv"],
    &["--s3-key", "Raw/2026/Part-00001-b7f3e2a9.c000.snappy.parquet"],
    &["--date-key", "20240501"],
    &["--business-key", "customer_id,order_id"],
    &["--key", "customer_id"],
    &["--key", "1234"],
    &["--pass", "2"],
    &["--pass=first"],
    &["key=country/DE"],
    &["key=4711"],
    &["--primary-key", "id"],
    &["--partition-key", "dt"],
    &["sort_key=event_ts"],
    &["--foreign-key=order_id->orders.id"],
    &["--surrogate-key", "sk_customer"],
    &["--dedup-keys", "id,updated_at"],
    &["--token-column", "access_token"],
    &["--drop-columns", "password,ssn,token"],
    &["--drop-columns=password,api_key,secret"],
    &["--rename", "password:pwd_hash,token:token_hash"],
    &["--schema", "id:bigint,password:varchar(64),token:string,score:float64,secret:int64"],
    &["--pii-column", "passport_no"],
    &["--keyspace", "events", "--keytab", "/etc/security/etl.keytab"],
    // Where a secret is kept, and how one signs in.
    &["--secret-name", "prod/redshift/etl"],
    &["--secret-id", "prod/redshift/etl-9xY2aB"],
    &["--secret", "prod/redshift/etl"],
    &["--db-password-secret", "prod/redshift/etl"],
    &["--password-parameter", "/prod/dw/password"],
    &["--password-file", "/run/secrets/dw"],
    &["--token-url", "https://login.example.com/oauth2/token"],
    &["--private-key", "s3://acme-keys/etl.pem"],
    &["--auth-type", "iam", "--auth", "kerberos"],
    &["--credentials-provider", "com.amazonaws.auth.DefaultAWSCredentialsProviderChain"],
    &["--password", "{{secrets/bau/dw}}"],
    &["--password", "$DW_PASSWORD", "--password=${DW_PASSWORD}", "--token", "$(cat /run/token)"],
    &["--password", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:dw-9xY2aB"],
    // Switches that speak of secrets.
    &["--no-password", "2024-05-01"],
    &["--rotate-secret", "weekly", "--reset-token", "never"],
    &["--require-password", "--mask-password", "full"],
    &["--bypass", "true", "--passes", "3", "--passthrough", "a", "--compass", "north"],
    &["curl", "-u", "etl", "https://x:443/y"],
    &["curl -p -s https://x ; spark-submit -p 2 -partitions 3"],
    &["mysql -u etl -p -P 3306 && mkdir -parents a"],
    &["curl -u $USER:$PASSWORD https://x", "sshpass -p \"$PW\" ssh h"],
    // Numbers of tokens.
    &["--max-tokens", "4096", "--token-limit=512", "--tokenizer", "bert-base-uncased", "--pad-token", "[PAD]"],
    &["--next-token", "17", "--author", "bob", "--monkey", "1"],
    // Ids.
    &["--kms-key-id", "1234abcd-12ab-34cd-56ef-1234567890ab"],
    &["--kms-key", "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"],
    &["--encryption-key", "1234abcd-12ab-34cd-56ef-1234567890ab"],
    &["--encryption-key", "mrk-1234abcd12ab34cd56ef1234567890ab", "--sse-kms-key", "alias/etl"],
    &["--encryption-key=alias/Etl", "--key", "550e8400-e29b-41d4-a716-446655440000"],
    &["--role", "arn:aws:iam::123456789012:role/EMR_EC2_DefaultRole"],
    &["--run-id", "manual__2024-05-01T00:00:00+00:00"],
    &["--run", "0af7651916cd43dd8448eb211c80319c"],
    &["--sheet-id", "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgVE2upms"],
    &["version-id=3sL4kqtJlcpXroDTDmJ0rmSpXd3dIbrHY0MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo"],
    &["--cluster", "j-3H6EATEWWRWS", "--subnet", "subnet-0a1b2c3d4e5f67890", "--group", "sg-0123456789abcdef0"],
    &["application_1700000000000_0001", "container_e12_1700000000000_0001_01_000002"],
    &["j-2A7Q4M1N9KPLF/s-1K2LABCDEFGHI", "logs/j-2A7Q4M1N9KPLF/node", "p-a/00F1B2/r-9Kx2LmN4"],
    &["customerorder2024dailyload01mart3stage", "acmedatalake123456789012eucentral1"],
    // Hashes.
    &["--git-sha", "9fceb02d0ae598e95dc970b74767f19372d61af8"],
    &["9fceb02d0ae598e95dc970b74767f19372d61af8"],
    &["--md5", "d41d8cd98f00b204e9800998ecf8427e", "--content-md5", "CY9rzUYh03PK3k6DJie09gxX2a=="],
    &["--checksum", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    &["sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    &["image@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    &["s3://acme-jars/app-1.2.3-9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.jar"],
    &["dist/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08/job.py"],
    // Names of code and places.
    &["com.acme.warehouse.CustomerOrderSnapshotDailyV2Job"],
    &["CustomerOrderSnapshotDailyV2Load2026", "DataWarehouse2Customer3Orders4Snapshot5Daily6"],
    &["com.databricks:spark-xml_2.12:0.15.0", "org.apache.spark.sql.hive.HiveExternalCatalog"],
    &["DWH_PROD_CustomerOrder_2026Q1_DailySnapshot_v12", "EtlDwhStgCrmSapErpFinHrItOps2026Q1"],
    &["s3://acme-lake/Tenant=QmFzZTY0aB3dE5fG7hJ9kL2mN4pQ6rS8/day=1", "raw/Aa1/Bb2/Cc3/Dd4/Ee5/Ff6/Gg7/Hh8"],
    &["jdbc:redshift://dw.c9akciq32x1z.eu-central-1.redshift.amazonaws.com:5439/dw?user=etl&ssl=true"],
    &["b-1.msk.a1b2c3.c2.kafka.eu-west-1.amazonaws.com:9094,b-2.msk.a1b2c3.c2.kafka.eu-west-1.amazonaws.com:9094"],
    &["https://vpce-0abc123def4567890-abcdefgh.s3.eu-central-1.vpce.amazonaws.com/x"],
    &["https://etl@repo.example.com/simple"],
    // Times and settings.
    &["cron(0 2 ? * MON-FRI *)", "0 0 2 * * ?", "2026-10-31T00:00:00.000+02:00", "P1DT12H"],
    &["spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension"],
    &["spark.hadoop.fs.s3.impl=com.amazon.ws.emr.hadoop.fs.EmrFileSystem", "fs.s3.cse.kms.keyId=alias/etl"],
    &["-XX:OnOutOfMemoryError='kill -9 %p'", "-Dlog4j.configuration=file:/etc/log4j.properties", "-XX:+UseG1GC"],
    &["select id, pass, token from t where key = 'a' and pass = 2 and token is not null"],
    // A configuration that is only wrapped up: text in base64, and with gzip.
    &["--config", "eyJ0YWJsZSI6ICJnbC5ib29raW5ncyIsICJrZXlzIjogWyJpZCIsICJkYXkiXX0="],
    &["--config", "H4sIAAAAAAAAA6tWKklMyklVslJQKi5JLMlMVtJRUCouSSzJTFayUlBKzs9VqgUAv2pWJyQAAAA="],
];

/// Arguments with a secret, the secret, and the argument that has to be named.
pub(super) const SECRETS: [(&[&str], &str, &str); 91] = [
    // Whatever stands under a well-known name.
    (&["--password", "hunter2"], "hunter2", "--password"),
    (&["--password", "1234"], "1234", "--password"),
    (&["--password", "customer_id"], "customer_id", "--password"),
    (&["--password", "20240501"], "20240501", "--password"),
    (&["--password", "-x!9"], "-x!9", "--password"),
    (&["--password", "$ecret!1"], "$ecret!1", "--password"),
    (&["--password", "$ecret1"], "$ecret1", "--password"),
    (&["--password", "pa/ss/word"], "pa/ss/word", "--password"),
    (&["--password=a=b&c"], "a=b&c", "--password"),
    (&["--password=two words, and more"], "two words, and more", "--password"),
    (&["-password", "hunter2"], "hunter2", "-password"),
    (&["password=hunter2"], "hunter2", "password"),
    (&["--passwd", "1234"], "1234", "--passwd"),
    (&["--pwd", "1234"], "1234", "--pwd"),
    (&["--pwd=hunter2"], "hunter2", "--pwd"),
    (&["--passphrase", "correct horse"], "correct horse", "--passphrase"),
    (&["--db-password", "1234"], "1234", "--db-password"),
    (&["--db_pass", "1234"], "1234", "--db_pass"),
    (&["--dbPassword", "1234"], "1234", "--dbPassword"),
    (&["redshift_password=Winter2026"], "Winter2026", "redshift_password"),
    (&["jdbc.password=1234"], "1234", "jdbc.password"),
    (&["javax.jdo.option.ConnectionPassword=hive"], "hive", "javax.jdo.option.ConnectionPassword"),
    (&["--api-token", "1234"], "1234", "--api-token"),
    (&["--access-token", "abc"], "abc", "--access-token"),
    (&["--token", "abc"], "abc", "--token"),
    (&["--slack-token=abc"], "abc", "--slack-token"),
    (&["--influx-token", "abc"], "abc", "--influx-token"),
    (&["--secret", "hunter2"], "hunter2", "--secret"),
    (&["--secret-key", "abc/def"], "abc/def", "--secret-key"),
    (&["--secretKey", "1234"], "1234", "--secretKey"),
    (&["--client-secret", "hunter2"], "hunter2", "--client-secret"),
    (&["--oauth2.client-secret=hunter2"], "hunter2", "--oauth2.client-secret"),
    (&["--api-key", "1234"], "1234", "--api-key"),
    (&["--apikey=1234"], "1234", "--apikey"),
    (
        &["--datadog-api-key", "550e8400-e29b-41d4-a716-446655440000"],
        "550e8400-e29b-41d4-a716-446655440000",
        "--datadog-api-key",
    ),
    (&["X-Api-Key:abc9"], "abc9", "X-Api-Key"),
    (&["AWS_SECRET_ACCESS_KEY=wJalr"], "wJalr", "AWS_SECRET_ACCESS_KEY"),
    (&["--aws-secret-access-key", "wJalr"], "wJalr", "--aws-secret-access-key"),
    (&["AWS_SESSION_TOKEN=FwoG"], "FwoG", "AWS_SESSION_TOKEN"),
    (&["spark.hadoop.fs.s3a.secret.key=wJalr"], "wJalr", "spark.hadoop.fs.s3a.secret.key"),
    (&["-Dfs.s3a.access.key=1234"], "1234", "-Dfs.s3a.access.key"),
    (&["-Djavax.net.ssl.trustStorePassword=changeit"], "changeit", "-Djavax.net.ssl.trustStorePassword"),
    (&["spark.ssl.keyPassword=changeit"], "changeit", "spark.ssl.keyPassword"),
    (&["-P", "sfPassword=hunter2"], "hunter2", "sfPassword"),
    (&["--private-key", "MIIEvQIBADANBg"], "MIIEvQIBADANBg", "--private-key"),
    (&["--encryption-key", "hunter2"], "hunter2", "--encryption-key"),
    (&["-u", "etl:hunter2"], "hunter2", "user"),
    (&["{\"table\": \"a.b\", \"apiKey\": \"hunter2\"}"], "hunter2", "apiKey"),
    (&["{'db_password': 'hunter2'}"], "hunter2", "db_password"),
    (&["bash -c 'psql --password hunter2 -h db'"], "hunter2", "--password"),
    (&["jdbc:mysql://db/x?user=etl&password=hunter2&ssl=true"], "hunter2", "password"),
    (&["jdbc:sqlserver://db;user=etl;password={a;b};encrypt=true"], "{a;b}", "password"),
    (
        &["org.apache.kafka.common.security.plain.PlainLoginModule required username=\"etl\" password=\"hunter2\";"],
        "hunter2",
        "password",
    ),
    // By their form, wherever they stand.
    (&["--url", "jdbc:postgresql://etl:hunter2@db.example.com/x"], "hunter2", "--url"),
    (&["mongodb+srv://etl:p%40ss@c0.example.net/x"], "p%40ss", "argument 1"),
    (&["jdbc:oracle:thin:etl/hunter2@db.example.com:1521/x"], "hunter2", "argument 1"),
    (&["--index-url", "https://etl:hunter2@repo.example.com/simple"], "hunter2", "--index-url"),
    (&["AKIAIOSFODNN7EXAMPLE"], "AKIAIOSFODNN7EXAMPLE", "argument 1"),
    (&["--id", "ASIAIOSFODNN7EXAMPLE"], "ASIAIOSFODNN7EXAMPLE", "--id"),
    (&["--s3-key", "ghp_0123456789abcdefghij0123456789abcdef"], "ghp_0123456789abcdefghij0123456789abcdef", "--s3-key"),
    (&["dapi0123456789abcdef0123456789abcdef"], "dapi0123456789abcdef0123456789abcdef", "argument 1"),
    (&["--channel", "xoxb-123456789012-abcdef"], "xoxb-123456789012-abcdef", "--channel"),
    (
        &["--hook", "https://hooks.slack.com/services/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"],
        "aB3dE5fG7hJ9kL2mN4pQ6rS8",
        "--hook",
    ),
    (
        &["--bearer", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"],
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "--bearer",
    ),
    (&["https://acme.blob.core.windows.net/c?sv=2022&sig=abc%3D"], "abc%3D", "sig"),
    (&["AccountName=acme;AccountKey=q9X2vLr7Tz0BmK4sWc8YhN3pJd6f=="], "q9X2vLr7Tz0BmK4sWc8YhN3pJd6f==", "AccountKey"),
    (
        &["--pem", "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----"],
        "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----",
        "--pem",
    ),
    (&["-H", "Authorization: Bearer abc.def"], "abc.def", "Authorization"),
    (
        &["--dsn", "https://0af7651916cd43dd8448eb211c80319c:9fceb02d0ae598e95dc970b74767f193@sentry.io/1"],
        "9fceb02d0ae598e95dc970b74767f193",
        "--dsn",
    ),
    (&["curl -u etl:hunter2 https://x"], "hunter2", "argument 1"),
    (&["bash", "-c", "aws s3 cp s3://a/b . && mysql -u etl -phunter2 -h db"], "hunter2", "-c"),
    (&["mysql", "-u", "etl", "-phunter2"], "hunter2", "argument 4"),
    (&["sshpass", "-p", "hunter2", "ssh", "h"], "hunter2", "-p"),
    (&["--pass-phrase", "abc"], "abc", "--pass-phrase"),
    (&["es.net.http.auth.pass=abc"], "abc", "es.net.http.auth.pass"),
    (&["--basic-auth", "etl:hunter2"], "hunter2", "user"),
    (&["spark.redis.auth=hunter2"], "hunter2", "spark.redis.auth"),
    // As random as they come, under a name that says little or nothing.
    (&["--key", "q9X2vLr7Tz0BmK4sWc8Y"], "q9X2vLr7Tz0BmK4sWc8Y", "--key"),
    (&["--account-key", "9f86d081884c7d659a2feaa0c55ad015"], "9f86d081884c7d659a2feaa0c55ad015", "--account-key"),
    (&["--pass", "q9X2vLr7Tz0BmK4sWc8Y"], "q9X2vLr7Tz0BmK4sWc8Y", "--pass"),
    (&["q9X2vLr7Tz0BmK4sWc8YhN3pJd6f"], "q9X2vLr7Tz0BmK4sWc8YhN3pJd6f", "argument 1"),
    (&["--salt", "q9X2vLr7Tz0BmK4sWc8YhN3pJd6f"], "q9X2vLr7Tz0BmK4sWc8YhN3pJd6f", "--salt"),
    (&["salt=q9X2vLr7Tz0BmK4sWc8YhN3pJd6f"], "q9X2vLr7Tz0BmK4sWc8YhN3pJd6f", "salt"),
    (
        &["--salt", "Zk8+q9X2vLr7/Tz0BmK4sWc8YhN3pJd6fAb1uEo5Rg=="],
        "Zk8+q9X2vLr7/Tz0BmK4sWc8YhN3pJd6fAb1uEo5Rg==",
        "--salt",
    ),
    (
        &["--dash", "6b1f0e5d9c8a47b3a2e4d6f8091b2c3d5e7f90a1b2c3d4e5f60718293a4b5c6d"],
        "6b1f0e5d9c8a47b3a2e4d6f8091b2c3d5e7f90a1b2c3d4e5f60718293a4b5c6d",
        "--dash",
    ),
    (&["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKE9"], "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKE9", "argument 1"),
    (&["--x", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKE9"], "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKE9", "--x"),
    (&["--x", "k3j4h5g6f7d8s9a0q1w2e3r4t5y6u7i8"], "k3j4h5g6f7d8s9a0q1w2e3r4t5y6u7i8", "--x"),
    (
        &["--config", "eyJ1c2VyIjogImV0bCIsICJwYXNzd29yZCI6ICJodW50ZXIyIn0="],
        "eyJ1c2VyIjogImV0bCIsICJwYXNzd29yZCI6ICJodW50ZXIyIn0=",
        "--config",
    ),
    (&["https://x-access-token:hunter2@github.com/acme/x.git"], "hunter2", "argument 1"),
    (&["--dsn", "amqp://etl:hunter2@mq:5671/v"], "hunter2", "--dsn"),
];

#[test]
fn arguments_without_a_secret_stay_as_they_are() {
    let mut wrong = Vec::new();
    for arguments in PLAIN {
        let shown = masked_arguments(arguments);
        if shown != arguments || taken(arguments).iter().any(|spots| !spots.is_empty()) {
            wrong.push(format!("{arguments:?} became {shown:?}"));
        }
        // The same as one line.
        let line = arguments.join(" ");
        if masked(&line) != line {
            wrong.push(format!("{line} became {}", masked(&line)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_secret_is_found_whole_and_its_argument_named() {
    let mut wrong = Vec::new();
    for (arguments, secret, name) in SECRETS {
        let found: Vec<(&str, String)> =
            in_arguments(arguments).into_iter().map(|(n, spot)| (&arguments[n][spot.range], spot.name)).collect();
        if found.len() != 1 || found[0].0 != secret {
            wrong.push(format!("{arguments:?}: {found:?}"));
            continue;
        }
        let named = |of: &[String]| -> Vec<String> { taken(of).into_iter().flatten().map(|spot| spot.name).collect() };
        let plain: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        // Before it was hidden and after, a translation asks once, about the same argument.
        let hidden = masked_arguments(arguments);
        for of in [&plain, &hidden] {
            if named(of) != [name] {
                wrong.push(format!("{of:?} names {:?}, not {name}", named(of)));
            }
        }
        if masked_arguments(&hidden) != hidden {
            wrong.push(format!("{hidden:?} is hidden twice"));
        }
        let spots = taken(&plain);
        let made: Vec<String> =
            plain.iter().zip(&spots).map(|(text, spots)| instead(text, spots, &mut |_| HIDDEN.to_owned())).collect();
        if made != hidden {
            wrong.push(format!("{made:?} is not {hidden:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

use super::*;

/// Commands as their words between bars, `!` before those that end the script when they fail; quotes with `?` before them.
fn shown(text: &str, args: &[&str]) -> Vec<String> {
    let args: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
    let one = |line: ShellLine| match line {
        ShellLine::Command(c) => {
            let env: String = c.env.iter().map(|(k, v)| format!("{k}={v} ")).collect();
            format!("{}{env}{}", if c.stops { "!" } else { "" }, c.words.join("|"))
        }
        ShellLine::Quoted(text) => format!("?{text}"),
    };
    read(text, &args).into_iter().map(one).collect()
}

#[test]
fn plain_commands_are_read_with_what_is_set_literally() {
    let script = "#!/bin/bash\n# a comment; rm -rf /\nset -euo pipefail\nENV=\"$1\"\nOPTS='--conf a=b --conf c=d'\n\
        export STAGE=${2:-dev}\nspark-submit \\\n  --name \"load $ENV\" $OPTS \\\n  s3://a/b.py --env ${ENV} \"x # y\"  # z\n\
        spark-submit s3://a/c.py \"$@\" > /tmp/log 2>&1\n";
    assert_eq!(
        shown(script, &["prod"]),
        [
            "!STAGE=dev spark-submit|--name|load prod|--conf|a=b|--conf|c=d|s3://a/b.py|--env|prod|x # y",
            "!STAGE=dev spark-submit|s3://a/c.py|prod",
        ]
    );
}

#[test]
fn what_only_running_it_would_tell_is_quoted() {
    let script = "DAY=$(date +%F)\nspark-submit s3://a/b.py --day $DAY\nfor x in a b; do\n  spark-submit s3://a/$x.py\n\
        done\nif [ \"$1\" = full ]; then spark-submit s3://a/full.py; else echo no; fi\ncat > /tmp/x <<EOF\nspark-submit \
        s3://a/never.py\nEOF\nf() {\n  spark-submit s3://a/f.py\n}\nf\nspark-submit s3://a/d.py | grep x\nspark-submit \
        s3://a/e.py &\nspark-submit s3://a/g.py $UNSET\nspark-submit s3://a/ok.py\n";
    assert_eq!(
        shown(script, &[]),
        [
            "?spark-submit s3://a/b.py --day $DAY",
            "?for x in a b; do spark-submit s3://a/$x.py done",
            "?if [ \"$1\" = full ]; then spark-submit s3://a/full.py; else echo no; fi",
            "?cat > /tmp/x <<EOF",
            "?f() { spark-submit s3://a/f.py }",
            "f",
            "?spark-submit s3://a/d.py | grep x",
            "?spark-submit s3://a/e.py &",
            "?spark-submit s3://a/g.py $UNSET",
            "spark-submit|s3://a/ok.py",
        ]
    );
}

#[test]
fn guards_and_ends_are_passed_over() {
    let script = "if [ -z \"$1\" ]; then\n  echo usage\n  exit 1\nfi\nspark-submit s3://a/b.py\nif [ $? -ne 0 ]; then exit 1; fi\n\
        spark-submit s3://a/c.py || exit 1\nspark-submit s3://a/d.py || true\necho done\nexit 0\nspark-submit s3://a/never.py\n";
    assert_eq!(
        shown(script, &["x"]),
        ["!spark-submit|s3://a/b.py", "!spark-submit|s3://a/c.py", "spark-submit|s3://a/d.py"]
    );
    // What is inside a word is run, too.
    assert_eq!(
        shown(
            "echo \"$(spark-submit s3://a/b.py)\"\nX=`aws emr add-steps`\necho `date`\nY=$(date +%F)\n. ./env.sh\nspark-submit ~/b.py $HOME\n",
            &[]
        ),
        ["?echo \"$(spark-submit s3://a/b.py)\"", "?X=`aws emr add-steps`", ".|./env.sh", "?spark-submit ~/b.py $HOME"]
    );
    // A guard on what a command prints decides whether the script does anything.
    assert!(shown("if [ $(date +%d) != 01 ]; then exit 0; fi\n", &[])[0].starts_with('?'));
    assert!(shown("if [ -f x ]; then exit 0; fi\n", &[])[0].starts_with('?'));
}

#[test]
fn packages_are_those_of_plain_installations() {
    let of = |text: &str| {
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        pip(&words).map(|all| all.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
    };
    let is = |text: &str, packages: &[&str]| {
        assert_eq!(of(text), Some(packages.iter().map(|p| (*p).to_owned()).collect()), "{text}");
    };
    is("sudo pip3 install -U boto3==1.26.0 pandas>=1.0", &["boto3==1.26.0", "pandas>=1.0"]);
    is("sudo python3 -m pip install --upgrade pip pyarrow", &["pyarrow"]);
    for text in
        ["pip install -r requirements.txt", "pip install s3://a/b.whl", "pip uninstall x", "yum install x", "pip"]
    {
        assert_eq!(of(text), None, "{text}");
    }
    let words: Vec<String> = ["pip", "install", "-i", "https://x/simple", "a"].map(str::to_owned).to_vec();
    assert_eq!(pip(&words), Some(vec![("a".to_owned(), Some("https://x/simple".to_owned()))]));
}

#[test]
fn nothing_panics() {
    for text in [
        "",
        "\\",
        "\"",
        "'",
        "$",
        "${",
        "$(",
        "`",
        "<<",
        "<<E",
        "if",
        "fi",
        "{",
        "a() {",
        "x=",
        "|",
        "&&",
        "ä$ö\u{0}",
        "\r\n",
        "case x in a) b;; esac",
    ] {
        read(text, &[]);
    }
}

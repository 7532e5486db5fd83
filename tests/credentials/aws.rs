//! The chain of AWS: who is asked, how often, and who is not.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::home::{Home, arguments, registry, signer, signers};
use crate::lab::bucket::{Bucket, Fault, Kind};
use crate::lab::clients::{ACCESS_KEY, s3_config};
use crate::service::Service;

const SECRET_KEY: &str = "secret/must-not-show";
const SESSION: &str = "session-must-not-show";
const FAR: &str = "2099-01-01T00:00:00Z";

fn bucket() -> Bucket {
    let bucket = Bucket::s3("reg");
    registry().load_into(&bucket, "");
    bucket
}

fn credential_process(home: &Home, name: &str, key: &str) -> String {
    home.process(
        name,
        &format!(
            r#"echo '{{"Version": 1, "AccessKeyId": "{key}", "SecretAccessKey": "{SECRET_KEY}", "SessionToken": "{SESSION}", "Expiration": "{FAR}"}}'"#
        ),
    )
}

#[track_caller]
fn collects_as(home: &Home, bucket: &Bucket, key: &str, more: &[&str]) {
    let line = arguments(bucket);
    let line: Vec<&str> = line.iter().map(String::as_str).chain(more.iter().copied()).collect();
    home.collects(&line);
    assert_eq!(signers(bucket), [key]);
}

/// `--profile` and `AWS_PROFILE` choose the profile whose `credential_process` is asked, once a run.
#[test]
fn a_profile_is_chosen_by_option_and_by_variable() {
    for by_option in [true, false] {
        let (bucket, mut home) = (bucket(), Home::new());
        let wanted = credential_process(&home, "wanted", "AKIAWANTED");
        let other = credential_process(&home, "other", "AKIAOTHER");
        home.write(
            "aws-config",
            &format!("[default]\ncredential_process = {other}\n[profile wanted]\ncredential_process = {wanted}\n"),
        );
        let more: &[&str] = if by_option { &["--profile", "wanted"] } else { &[] };
        if !by_option {
            home.set("AWS_PROFILE", "wanted");
        }
        collects_as(&home, &bucket, "AKIAWANTED", more);
        assert!(bucket.log().iter().all(|call| call.session == SESSION));
        assert_eq!(home.calls("other"), 0);
        assert_eq!(home.calls("wanted"), 3, "once for each of three runs");
    }
}

#[test]
fn shared_credentials_file_is_read() {
    let (bucket, home) = (bucket(), Home::new());
    home.write(
        "aws-credentials",
        &format!("[default]\naws_access_key_id = AKIASHARED\naws_secret_access_key = {SECRET_KEY}\n"),
    );
    collects_as(&home, &bucket, "AKIASHARED", &[]);
}

#[test]
fn environment_comes_before_the_profile_files() {
    let (bucket, mut home) = (bucket(), Home::new());
    home.write(
        "aws-credentials",
        &format!("[default]\naws_access_key_id = AKIASHARED\naws_secret_access_key = {SECRET_KEY}\n"),
    );
    home.set("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT").set("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    collects_as(&home, &bucket, "AKIAENVIRONMENT", &[]);
}

/// In a container of ECS, or a pod with EKS Pod Identity, the agent is asked with the token it gave.
#[test]
fn container_credentials_are_fetched_with_their_token() {
    let (bucket, mut home) = (bucket(), Home::new());
    let agent = Service::start(|_| {
        (
            200,
            format!(
                r#"{{"AccessKeyId": "ASIACONTAINER", "SecretAccessKey": "{SECRET_KEY}", "Token": "{SESSION}", "Expiration": "{FAR}"}}"#
            ),
        )
    });
    home.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/credentials", agent.url()));
    home.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "agent-token-must-not-show");
    collects_as(&home, &bucket, "ASIACONTAINER", &[]);
    let asked = agent.asked();
    assert_eq!(asked.len(), 3, "once for each of three runs");
    for asked in asked {
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", "/credentials"));
        assert_eq!(asked.header("authorization"), "agent-token-must-not-show");
    }
}

fn sts(action: &'static str) -> Service {
    Service::start(move |asked| {
        let form = asked.form();
        if form.get("Action").map(String::as_str) != Some(action) {
            return (400, "<ErrorResponse><Error><Code>InvalidAction</Code></Error></ErrorResponse>".to_owned());
        }
        let body = format!(
            "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>\
             <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/gc/regsweep</Arn>\
             <AssumedRoleId>AROA:regsweep</AssumedRoleId></AssumedRoleUser>\
             <Credentials><AccessKeyId>ASIAASSUMED</AccessKeyId><SecretAccessKey>{SECRET_KEY}</SecretAccessKey>\
             <SessionToken>{SESSION}</SessionToken><Expiration>{FAR}</Expiration></Credentials>\
             </{action}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>"
        );
        (200, body)
    })
}

/// As in a pod of EKS with a role for its service account (IRSA), or in a CI job with OIDC.
#[test]
fn web_identity_is_exchanged_for_a_role() {
    let (bucket, mut home) = (bucket(), Home::new());
    let service = sts("AssumeRoleWithWebIdentity");
    let token = home.write("token", "web-identity-must-not-show");
    home.set("AWS_WEB_IDENTITY_TOKEN_FILE", token).set("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/gc");
    home.set("AWS_ENDPOINT_URL_STS", service.url());
    collects_as(&home, &bucket, "ASIAASSUMED", &[]);
    assert!(bucket.log().iter().all(|call| call.session == SESSION));
    let asked = service.asked();
    assert_eq!(asked.len(), 3, "once for each of three runs");
    for asked in asked {
        let form = asked.form();
        assert_eq!(form["WebIdentityToken"], "web-identity-must-not-show");
        assert_eq!(form["RoleArn"], "arn:aws:iam::123456789012:role/gc");
    }
}

/// A profile with `role_arn` and `source_profile` signs the question with the source's key, and the bucket's requests
/// with the role's.
#[test]
fn role_of_a_profile_is_assumed() {
    let (bucket, mut home) = (bucket(), Home::new());
    let service = sts("AssumeRole");
    home.write(
        "aws-config",
        &format!(
            "[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = {SECRET_KEY}\n\
             [profile gc]\nrole_arn = arn:aws:iam::123456789012:role/gc\nsource_profile = base\n"
        ),
    );
    home.set("AWS_ENDPOINT_URL_STS", service.url());
    collects_as(&home, &bucket, "ASIAASSUMED", &["--profile", "gc"]);
    assert!(service.asked().iter().all(|asked| signer(asked.header("authorization")) == "AKIABASE"));
}

/// No request goes out with a credential that has expired, and the chain is not asked for each request.
#[test]
fn credentials_that_expire_during_the_run_are_renewed() {
    let (bucket, home) = (bucket(), Home::new());
    let program = home.process(
        "short",
        &format!(
            r#"end=$(( $(date +%s) + 4 ))
expiration=$(date -u -d "@$end" +%Y-%m-%dT%H:%M:%SZ)
echo "{{\"Version\": 1, \"AccessKeyId\": \"AKIA$end\", \"SecretAccessKey\": \"{SECRET_KEY}\", \"SessionToken\": \"{SESSION}\", \"Expiration\": \"$expiration\"}}""#
        ),
    );
    home.write("aws-config", &format!("[default]\ncredential_process = {program}\n"));
    let late: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&late);
    bucket.fault(Fault::call(move |store| {
        let key = store.log().last().map(|call| signer(&call.authorization)).unwrap_or_default();
        let end: u64 = key.trim_start_matches("AKIA").parse().unwrap_or(0);
        if SystemTime::now().duration_since(UNIX_EPOCH).unwrap() > Duration::from_secs(end) {
            seen.lock().unwrap().push(key);
        }
    }));
    bucket.fault(Fault::latency(Duration::from_millis(600)).on(Kind::Get).on(Kind::List).on(Kind::Batch));
    let line = arguments(&bucket);
    let line: Vec<&str> = line.iter().map(String::as_str).collect();
    let collect = ["gc", "--offline", "-m", "--format", "json", "--concurrency", "1"];
    let started = SystemTime::now();
    home.run(&[&collect[..], &line].concat()).expect(0);
    let took = started.elapsed().unwrap();
    assert!(took > Duration::from_secs(5), "the run must outlive a credential: {took:?}");
    assert_eq!(*late.lock().unwrap(), Vec::<String>::new(), "used after it had expired");
    let (calls, requests) = (home.calls("short"), bucket.log().len());
    assert!(signers(&bucket).len() >= 2, "{:?}", signers(&bucket));
    assert!(calls >= 2 && calls < requests / 2, "{calls} calls for {requests} requests");
}

/// A registry's own keys are used as they are: the chain may lead to another account.
#[test]
fn keys_of_the_registrys_configuration_leave_the_chain_alone() {
    let (bucket, mut home) = (bucket(), Home::new());
    let program = credential_process(&home, "chain", "AKIACHAIN");
    home.write("aws-config", &format!("[default]\ncredential_process = {program}\nregion = eu-central-1\n"));
    let agent = Service::start(|_| (500, "{}".to_owned()));
    home.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent.url());
    let config = s3_config(&bucket, "").replace("laboratory/secret", SECRET_KEY);
    let config = home.write("config.yml", &config);
    home.collects(&[&config]);
    assert_eq!(signers(&bucket), [ACCESS_KEY]);
    assert_eq!((home.calls("chain"), agent.asked().len()), (0, 0));
}

/// A registry's configuration without keys means the chain, as it does for the registry.
#[test]
fn configuration_without_keys_asks_the_chain() {
    let (bucket, home) = (bucket(), Home::new());
    let program = credential_process(&home, "chain", "AKIACHAIN");
    home.write("aws-config", &format!("[default]\ncredential_process = {program}\n"));
    let config = s3_config(&bucket, "");
    let kept = config.lines().filter(|line| !line.contains("accesskey") && !line.contains("secretkey"));
    let config = home.write("config.yml", &kept.collect::<Vec<_>>().join("\n"));
    home.collects(&[&config]);
    assert_eq!(signers(&bucket), ["AKIACHAIN"]);
}

/// Where nothing in the chain has a credential, nothing is sent to the bucket, and the next step says where to put one.
#[test]
fn without_any_credential_the_run_says_where_to_put_one() {
    let (bucket, home) = (bucket(), Home::new());
    let line = arguments(&bucket);
    let said = home.fails(&[1], &line.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(said.contains("next:") && said.contains("--profile"), "{said}");
    assert_eq!(bucket.log(), []);
}

/// A chain that fails says why; what the program wrote is not repeated.
#[test]
fn a_credential_process_that_fails_is_a_credential_error() {
    let (bucket, home) = (bucket(), Home::new());
    let program = home.process("broken", "echo '{\"SecretAccessKey\": \"printed-must-not-show\"'\nexit 7");
    home.write("aws-config", &format!("[default]\ncredential_process = {program}\n"));
    let line = arguments(&bucket);
    let said = home.fails(&[1], &line.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(said.contains("next:") && said.contains("credential"), "{said}");
    assert_eq!(bucket.log(), []);
}

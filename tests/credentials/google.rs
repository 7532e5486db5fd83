//! Sign-in files of Google Cloud.

use serde_json::{Value, json};

use crate::home::{Home, arguments, registry, signers};
use crate::lab::bucket::Bucket;
use crate::service::Service;

const TOKEN: &str = "ya29.exchanged-must-not-show";
const SUBJECT: &str = "subject-must-not-show";
const AUDIENCE: &str = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/providers/github";

fn bucket() -> Bucket {
    let bucket = Bucket::gcs("reg");
    registry().load_into(&bucket, "");
    bucket
}

#[track_caller]
fn collects_as(home: &Home, bucket: &Bucket, token: &str) {
    let line = arguments(bucket);
    home.collects(&line.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(signers(bucket), [format!("Bearer {token}")]);
}

#[track_caller]
fn refused(home: &Home, bucket: &Bucket) -> String {
    let line = arguments(bucket);
    let said = home.fails(&[1, 2], &line.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(bucket.log(), [], "nothing is sent without a credential");
    said
}

/// Google's token service, the job's own token service of a CI system, and the service that impersonates.
fn service() -> Service {
    Service::start(|asked| match asked.path.split('?').next().unwrap() {
        "/v1/token" => (
            200,
            json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600,
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"})
            .to_string(),
        ),
        "/oidc" => (200, json!({"value": SUBJECT}).to_string()),
        "/sa:generateAccessToken" => (
            200,
            json!({"accessToken": "ya29.impersonated-must-not-show", "expireTime": "2099-01-01T00:00:00Z"}).to_string(),
        ),
        _ => (404, "{}".to_owned()),
    })
}

fn external_account(service: &Service, source: &Value) -> Value {
    json!({
        "universe_domain": "googleapis.com", "type": "external_account", "audience": AUDIENCE,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": format!("{}/v1/token", service.url()), "credential_source": source,
    })
}

#[track_caller]
fn expect_exchange(service: &Service) {
    let exchanges: Vec<_> = service.asked().into_iter().filter(|asked| asked.path == "/v1/token").collect();
    assert_eq!(exchanges.len(), 3, "once for each of three runs");
    for exchange in exchanges {
        let form = exchange.form();
        assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:token-exchange");
        assert_eq!((form["audience"].as_str(), form["subject_token"].as_str()), (AUDIENCE, SUBJECT));
        assert_eq!(form["subject_token_type"], "urn:ietf:params:oauth:token-type:jwt");
        assert!(form["scope"].starts_with("https://www.googleapis.com/auth/"), "{form:?}");
    }
}

#[test]
fn external_account_with_its_token_in_a_file_signs_in() {
    let (bucket, mut home, service) = (bucket(), Home::new(), service());
    let token = home.write("subject", SUBJECT);
    let file = home.write("adc.json", &external_account(&service, &json!({"file": token})).to_string());
    home.set("GOOGLE_APPLICATION_CREDENTIALS", file);
    collects_as(&home, &bucket, TOKEN);
    expect_exchange(&service);
}

/// The file that GitHub's action `google-github-actions/auth` writes: the job's token comes from a URL.
#[test]
fn external_account_with_its_token_behind_a_url_signs_in() {
    let (bucket, mut home, service) = (bucket(), Home::new(), service());
    let source = json!({
        "url": format!("{}/oidc?api-version=2.0&audience=x", service.url()),
        "headers": {"Authorization": "Bearer job-must-not-show"},
        "format": {"type": "json", "subject_token_field_name": "value"},
    });
    let file = home.write("adc.json", &external_account(&service, &source).to_string());
    home.set("GOOGLE_APPLICATION_CREDENTIALS", file);
    collects_as(&home, &bucket, TOKEN);
    expect_exchange(&service);
    let job = service.asked().into_iter().find(|asked| asked.path.starts_with("/oidc")).unwrap();
    assert_eq!(job.header("authorization"), "Bearer job-must-not-show");
}

/// With `service_account` given, the action's file also names who is to be impersonated.
#[test]
fn external_account_that_impersonates_uses_the_second_token() {
    let (bucket, mut home, service) = (bucket(), Home::new(), service());
    let token = home.write("subject", SUBJECT);
    let mut account = external_account(&service, &json!({"file": token}));
    account["service_account_impersonation_url"] = format!("{}/sa:generateAccessToken", service.url()).into();
    let file = home.write("adc.json", &account.to_string());
    home.set("GOOGLE_APPLICATION_CREDENTIALS", file);
    collects_as(&home, &bucket, "ya29.impersonated-must-not-show");
    let asked = service.asked();
    let second = asked.iter().find(|asked| asked.path == "/sa:generateAccessToken").unwrap();
    assert_eq!(second.header("authorization"), format!("Bearer {TOKEN}"));
}

/// Where gcloud keeps what `gcloud auth application-default login` wrote.
#[test]
fn sign_in_file_in_gclouds_directory_is_found() {
    let (bucket, home, service) = (bucket(), Home::new(), service());
    let token = home.write("subject", SUBJECT);
    std::fs::create_dir(home.path("gcloud")).unwrap();
    let account = external_account(&service, &json!({"file": token})).to_string();
    home.write("gcloud/application_default_credentials.json", &account);
    collects_as(&home, &bucket, TOKEN);
}

/// `CLOUDSDK_CONFIG` says where gcloud's directory is, for every kind of file in it.
#[test]
fn users_own_sign_in_file_is_looked_for_where_gcloud_keeps_it() {
    let (bucket, home) = (bucket(), Home::new());
    std::fs::create_dir(home.path("gcloud")).unwrap();
    let name = "gcloud/application_default_credentials.json";
    home.write(name, &json!({"type": "authorized_user", "client_secret": "must-not-show"}).to_string());
    let said = refused(&home, &bucket);
    assert!(said.contains(name) && said.contains("next:"), "{said}");
}

#[test]
fn keyfile_of_the_registrys_configuration_may_be_an_external_account() {
    let (bucket, home, service) = (bucket(), Home::new(), service());
    let token = home.write("subject", SUBJECT);
    let file = home.write("keyfile.json", &external_account(&service, &json!({"file": token})).to_string());
    let config =
        home.write("config.yml", &format!("version: 0.1\nstorage:\n  gcs:\n    bucket: reg\n    keyfile: {file}\n"));
    home.collects(&[&config, "--endpoint-url", &bucket.endpoint()]);
    assert_eq!(signers(&bucket), [format!("Bearer {TOKEN}")]);
}

#[test]
fn token_service_that_refuses_is_a_credential_error() {
    let (bucket, mut home) = (bucket(), Home::new());
    let service = Service::start(|_| {
        (400, json!({"error": "invalid_grant", "error_description": "the audience is wrong"}).to_string())
    });
    let token = home.write("subject", SUBJECT);
    let file = home.write("adc.json", &external_account(&service, &json!({"file": token})).to_string());
    home.set("GOOGLE_APPLICATION_CREDENTIALS", file);
    let said = refused(&home, &bucket);
    assert!(said.contains("next:") && said.contains("credential"), "{said}");
}

#[test]
fn bearer_token_in_a_variable_comes_before_any_file() {
    let (bucket, mut home) = (bucket(), Home::new());
    home.set("GOOGLE_APPLICATION_CREDENTIALS", home.path("missing.json").display());
    home.set("CLOUDSDK_AUTH_ACCESS_TOKEN", "ya29.variable-must-not-show");
    collects_as(&home, &bucket, "ya29.variable-must-not-show");
}

/// A sign-in file that is of no use: it is named, and so is what works.
#[test]
fn unusable_sign_in_files_are_named_with_what_works() {
    let key = "-----BEGIN PRIVATE KEY-----\nmust-not-show\n-----END PRIVATE KEY-----\n";
    let files = [
        ("missing.json", None),
        ("unknown.json", Some(json!({"type": "gdch_service_account", "private_key": key}).to_string())),
        ("typeless.json", Some(json!({"secret": "must-not-show"}).to_string())),
        ("list.json", Some("[\"must-not-show\"]".to_owned())),
        ("text.json", Some("key = must-not-show\n".to_owned())),
        ("half.json", Some("{\"type\": \"external_account\", \"private_key\": \"must-not-show".to_owned())),
        ("bare.json", Some(json!({"type": "external_account", "client_secret": "must-not-show"}).to_string())),
        ("empty.json", Some(String::new())),
        (
            "service.json",
            Some(
                json!({"type": "service_account", "client_email": "a@b", "private_key_id": "1", "private_key": key})
                    .to_string(),
            ),
        ),
        ("cut.json", Some(json!({"type": "service_account", "private_key": key}).to_string())),
        ("user.json", Some(json!({"type": "authorized_user", "client_secret": "must-not-show"}).to_string())),
    ];
    let mut wrong = Vec::new();
    for (name, text) in files {
        let (bucket, mut home) = (bucket(), Home::new());
        let path = home.path(name).display().to_string();
        if let Some(text) = text {
            home.write(name, &text);
        }
        home.set("GOOGLE_APPLICATION_CREDENTIALS", &path);
        let said = refused(&home, &bucket);
        let names = said.contains(name) && said.contains("sign-in file");
        if !names || !said.contains("next:") || !said.contains("CLOUDSDK_AUTH_ACCESS_TOKEN") {
            wrong.push(said);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n---\n"));
}

"""What the Python client does to a Bramble cluster. Prints one line for each thing that works; the first that does not ends it."""

import json
import sys
import threading

from kubernetes import client, config, dynamic, watch
from kubernetes.client.rest import ApiException

NAMESPACE = "default"


def refusal(call):
    """The Status that a call was refused with."""
    try:
        call()
    except ApiException as error:
        return json.loads(error.body)
    raise AssertionError("it was not refused")


def equal(actual, expected):
    assert actual == expected, f"{actual!r} is not {expected!r}"


def config_map(name, data, **metadata):
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, **metadata), data=data)


def deployment(name):
    return client.V1Deployment(
        metadata=client.V1ObjectMeta(name=name),
        spec=client.V1DeploymentSpec(
            replicas=0,
            selector=client.V1LabelSelector(match_labels={"app": name}),
            template=client.V1PodTemplateSpec(
                metadata=client.V1ObjectMeta(labels={"app": name}),
                spec=client.V1PodSpec(containers=[client.V1Container(name="main", image="localhost/web:1")]),
            ),
        ),
    )


def typed_objects_come_and_go(core):
    created = core.create_namespaced_config_map(NAMESPACE, config_map("typed", {"a": "1"}))
    created.data = {"a": "2"}
    replaced = core.replace_namespaced_config_map("typed", NAMESPACE, created)
    equal(replaced.data, {"a": "2"})
    equal(core.read_namespaced_config_map("typed", NAMESPACE).metadata.uid, created.metadata.uid)
    status = refusal(lambda: core.replace_namespaced_config_map("typed", NAMESPACE, created))
    equal((status["code"], status["reason"]), (409, "Conflict"))
    deleted = core.delete_namespaced_config_map("typed", NAMESPACE)
    equal((deleted.status, deleted.details.uid), ("Success", created.metadata.uid))


def patches_are_strategic_unless_they_are_lists(core):
    apps = client.AppsV1Api()
    apps.create_namespaced_deployment(NAMESPACE, deployment("patched"))
    side = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "localhost/side:1"}]}}}}
    patched = apps.patch_namespaced_deployment("patched", NAMESPACE, side)
    equal(sorted(c.name for c in patched.spec.template.spec.containers), ["main", "side"])
    operations = [{"op": "add", "path": "/spec/paused", "value": True}, {"op": "add", "path": "/metadata/labels", "value": {"x": "y"}}]
    patched = apps.patch_namespaced_deployment("patched", NAMESPACE, operations)
    equal((patched.spec.paused, patched.metadata.labels), (True, {"x": "y"}))
    scale = apps.patch_namespaced_deployment_scale("patched", NAMESPACE, {"spec": {"replicas": 0}})
    equal(scale.kind, "Scale")
    status = apps.patch_namespaced_deployment_status("patched", NAMESPACE, {"status": {"collisionCount": 3}})
    equal(status.status.collision_count, 3)


def lists_go_on_page_by_page(core):
    for name in ["page-1", "page-2", "page-3"]:
        core.create_namespaced_config_map(NAMESPACE, config_map(name, {}, labels={"page": name[-1]}))
    names, token = [], None
    while True:
        page = core.list_namespaced_config_map(NAMESPACE, limit=2, label_selector="page", _continue=token)
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue
        if not token:
            break
    equal(names, ["page-1", "page-2", "page-3"])
    some = core.list_config_map_for_all_namespaces(label_selector="page,page notin (1,2)", field_selector="metadata.namespace=default")
    equal([item.metadata.name for item in some.items], ["page-3"])
    core.delete_collection_namespaced_config_map(NAMESPACE, label_selector="page")
    equal(core.list_namespaced_config_map(NAMESPACE, label_selector="page").items, [])


def watches_tell_what_happens(core):
    position = core.list_namespaced_config_map(NAMESPACE).metadata.resource_version
    change = threading.Timer(0.1, lambda: (
        core.create_namespaced_config_map(NAMESPACE, config_map("watched", None)),
        core.patch_namespaced_config_map("watched", NAMESPACE, {"data": {"a": "1"}}),
        core.delete_namespaced_config_map("watched", NAMESPACE),
    ))
    change.start()
    seen, watcher = [], watch.Watch()
    for event in watcher.stream(core.list_namespaced_config_map, NAMESPACE, resource_version=position, timeout_seconds=10):
        seen.append((event["type"], event["object"].metadata.name, event["object"].data))
        if event["type"] == "DELETED":
            watcher.stop()
    change.join()
    equal(seen, [("ADDED", "watched", None), ("MODIFIED", "watched", {"a": "1"}), ("DELETED", "watched", {"a": "1"})])


def objects_of_any_kind(api):
    anything = dynamic.DynamicClient(api)
    maps = anything.resources.get(api_version="v1", kind="ConfigMap")
    deployments = anything.resources.get(api_version="apps/v1", kind="Deployment")
    equal((deployments.name, deployments.namespaced, "deploy" in deployments.short_names), ("deployments", True, True))
    maps.create(namespace=NAMESPACE, body={"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "any"}, "data": {"a": "1"}})
    patched = maps.patch(name="any", namespace=NAMESPACE, body={"data": {"b": "2"}}, content_type="application/merge-patch+json")
    equal(patched.to_dict()["data"], {"a": "1", "b": "2"})
    equal([item.metadata.name for item in maps.get(namespace=NAMESPACE, field_selector="metadata.name=any").items], ["any"])
    body = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"a": "1"}})
    applied = anything.server_side_apply(maps, name="applied", namespace=NAMESPACE, body=body, field_manager="python")
    equal([(entry.manager, entry.operation) for entry in applied.metadata.managedFields], [("python", "Apply")])
    maps.delete(name="any", namespace=NAMESPACE)
    try:
        maps.get(name="any", namespace=NAMESPACE)
    except dynamic.exceptions.NotFoundError as error:
        equal(error.status, 404)
    else:
        raise AssertionError("it is still there")


def other_groups(core):
    rbac = client.RbacAuthorizationV1Api()
    rule = client.V1PolicyRule(api_groups=[""], resources=["pods"], verbs=["get", "list"])
    rbac.create_namespaced_role(NAMESPACE, client.V1Role(metadata=client.V1ObjectMeta(name="reader"), rules=[rule]))
    equal(rbac.read_namespaced_role("reader", NAMESPACE).rules[0].verbs, ["get", "list"])
    batch = client.BatchV1Api()
    template = client.V1PodTemplateSpec(
        spec=client.V1PodSpec(restart_policy="Never", containers=[client.V1Container(name="main", image="localhost/job:1")])
    )
    job = client.V1Job(metadata=client.V1ObjectMeta(name="once"), spec=client.V1JobSpec(suspend=True, template=template))
    created = batch.create_namespaced_job(NAMESPACE, job)
    equal((created.spec.backoff_limit, created.spec.completions), (6, 1))
    cron = client.V1CronJob(
        metadata=client.V1ObjectMeta(name="often"),
        spec=client.V1CronJobSpec(schedule="*/5 * * * *", suspend=True, job_template=client.V1JobTemplateSpec(spec=client.V1JobSpec(template=template))),
    )
    equal(batch.create_namespaced_cron_job(NAMESPACE, cron).spec.concurrency_policy, "Allow")
    batch.delete_namespaced_job("once", NAMESPACE, propagation_policy="Background")
    batch.delete_namespaced_cron_job("often", NAMESPACE)
    review = client.AuthorizationV1Api().create_self_subject_access_review(
        client.V1SelfSubjectAccessReview(
            spec=client.V1SelfSubjectAccessReviewSpec(
                resource_attributes=client.V1ResourceAttributes(verb="delete", resource="nodes")
            )
        )
    )
    equal(review.status.allowed, True)


def certificates_are_requested_and_approved(request):
    certificates = client.CertificatesV1Api()
    body = client.V1CertificateSigningRequest(
        metadata=client.V1ObjectMeta(name="anna"),
        spec=client.V1CertificateSigningRequestSpec(
            request=request, signer_name="kubernetes.io/kube-apiserver-client", usages=["client auth"], expiration_seconds=3600
        ),
    )
    created = certificates.create_certificate_signing_request(body)
    assert created.spec.username
    condition = client.V1CertificateSigningRequestCondition(type="Approved", status="True", reason="Test", message="by a test")
    created.status = client.V1CertificateSigningRequestStatus(conditions=[condition])
    approved = certificates.replace_certificate_signing_request_approval("anna", created)
    equal([(c.type, c.status) for c in approved.status.conditions], [("Approved", "True")])
    certificates.delete_certificate_signing_request("anna")


def deletions_have_options(core):
    core.create_namespaced_config_map(NAMESPACE, config_map("kept", {}, finalizers=["example.com/hold"]))
    options = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid="00000000-0000-0000-0000-000000000000"))
    status = refusal(lambda: core.delete_namespaced_config_map("kept", NAMESPACE, body=options))
    equal((status["code"], status["reason"]), (409, "Conflict"))
    core.delete_namespaced_config_map("kept", NAMESPACE, dry_run="All")
    equal(core.read_namespaced_config_map("kept", NAMESPACE).metadata.deletion_timestamp, None)
    core.delete_namespaced_config_map("kept", NAMESPACE, grace_period_seconds=0, propagation_policy="Foreground")
    assert core.read_namespaced_config_map("kept", NAMESPACE).metadata.deletion_timestamp
    core.patch_namespaced_config_map("kept", NAMESPACE, {"metadata": {"finalizers": None}})
    equal(refusal(lambda: core.read_namespaced_config_map("kept", NAMESPACE))["code"], 404)


def refusals_say_why(core):
    status = refusal(lambda: core.create_namespaced_config_map("nowhere", config_map("a", {})))
    equal((status["code"], status["message"], status["details"]), (404, 'namespaces "nowhere" not found', {"name": "nowhere", "kind": "namespaces"}))
    core.create_namespaced_config_map(NAMESPACE, config_map("once", {}))
    status = refusal(lambda: core.create_namespaced_config_map(NAMESPACE, config_map("once", {})))
    equal((status["code"], status["reason"], status["details"]), (409, "AlreadyExists", {"name": "once", "kind": "configmaps"}))
    status = refusal(lambda: core.create_namespaced_config_map(NAMESPACE, config_map("Wrong", {"b c": ""})))
    equal((status["code"], status["reason"], status["details"]["kind"]), (422, "Invalid", "ConfigMap"))
    equal(sorted(cause["field"] for cause in status["details"]["causes"]), ["data[b c]", "metadata.name"])
    equal(refusal(lambda: core.list_namespaced_pod(NAMESPACE, field_selector="spec.soul=1"))["reason"], "BadRequest")


def main():
    config.load_kube_config(sys.argv[1])
    core = client.CoreV1Api()
    steps = [
        (typed_objects_come_and_go, core),
        (patches_are_strategic_unless_they_are_lists, core),
        (lists_go_on_page_by_page, core),
        (watches_tell_what_happens, core),
        (objects_of_any_kind, core.api_client),
        (other_groups, core),
        (certificates_are_requested_and_approved, sys.argv[2]),
        (deletions_have_options, core),
        (refusals_say_why, core),
    ]
    for step, argument in steps:
        step(argument)
        print(step.__name__.replace("_", " "), flush=True)


main()

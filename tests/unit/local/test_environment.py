from local.environment import Ports, function_environment, local_values

PORTS = Ports(8080)


def test_the_ports_are_neighbours() -> None:
    assert list(PORTS.purposes(provider=False)) == [8080, 8081, 8082, 8083]
    assert list(PORTS.purposes(provider=True)) == [8080, 8081, 8082, 8083, 8084]


def test_local_values_replace_the_clouds() -> None:
    variables = function_environment({"DB_HOST": "db.example.com", "LOG": "INFO"}, PORTS, {})
    assert variables == {"DB_HOST": "127.0.0.1", "LOG": "INFO", "AWS_ENDPOINT_URL": "http://127.0.0.1:8082"}


def test_a_variable_of_the_shell_wins() -> None:
    variables = function_environment(
        {"MAIL_RECIPIENTS": "a@example.com", "BATCH_SIZE": "10000"},
        PORTS,
        {"MAIL_RECIPIENTS": "b@example.com", "BATCH_SIZE": "10"},
    )
    assert variables["MAIL_RECIPIENTS"] == "b@example.com"
    assert variables["BATCH_SIZE"] == "10"


def test_no_variable_of_the_shell_sends_the_functions_to_aws() -> None:
    variables = function_environment({}, PORTS, {"AWS_ENDPOINT_URL": "https://sqs.amazonaws.com"})
    assert variables == {"AWS_ENDPOINT_URL": "http://127.0.0.1:8082"}


def test_what_the_template_does_not_declare_is_not_there() -> None:
    assert "DB_HOST" not in function_environment({}, PORTS, {"OTHER": "x"})
    assert "OTHER" not in function_environment({}, PORTS, {"OTHER": "x"})


def test_a_variable_without_value_is_there_only_with_a_local_one() -> None:
    variables = function_environment({"SMTP_PORT": None, "ABSENT": None}, PORTS, {})
    assert variables["SMTP_PORT"] == "8083"
    assert "ABSENT" not in variables


def test_queue_addresses_begin_with_the_prefix() -> None:
    assert local_values(PORTS, {})["QUEUE_URL_PREFIX"] == "http://127.0.0.1:8082/000000000000/slowmatch-"
